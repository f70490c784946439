#include "text/reply/reasoning_form.h"

#include <array>

namespace hearth::text::reply {
namespace {

constexpr std::string_view kResponseTags[] = {"<|START_RESPONSE|>", "<|END_RESPONSE|>",
                                              "<|START_TEXT|>", "<|END_TEXT|>"};
constexpr std::string_view kAnswerTags[] = {"<answer>\n", "\n</answer>", "<answer>", "</answer>"};
constexpr std::string_view kGraniteTags[] = {"<response>", "</response>"};
constexpr std::string_view kAprielEnd[] = {"[END FINAL RESPONSE]"};

constexpr auto kForms = std::to_array<ReasoningForm>({
    {"gemma-4", "Gemma 4", "<|channel>thought\n", "<channel|>"},
    {"seed", "Seed OSS", "<seed:think>", "</seed:think>"},
    {"minimax-m3", "MiniMax M3", "<mm:think>", "</mm:think>"},
    {"hunyuan", "Hunyuan 3", "<think:opensource>", "</think:opensource>"},
    {"cohere", "Command A Reasoning, Command R7B, Cohere MoE", "<|START_THINKING|>",
     "<|END_THINKING|>", kResponseTags, "", "<|START_RESPONSE|>", "<|END_RESPONSE|>"},
    {"apertus", "Apertus", "<|inner_prefix|>", "<|inner_suffix|>"},
    {"mistral", "Magistral, Ministral 3 Reasoning", "[THINK]", "[/THINK]"},
    {"apriel", "Apriel 1.5, 1.6", "Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]",
     kAprielEnd, "", "", "[END FINAL RESPONSE]"},
    {"granite-3.2", "Granite 3.2", "Here is my thought process:", "Here is my response:"},
    {"granite-3.3", "Granite 3.3", "<think>", "</think>", kGraniteTags, "<response></response>",
     "<response>", "</response>"},
    {"hunyuan-a13b", "Hunyuan A13B", "<think>", "</think>", kAnswerTags, "<answer>", "<answer>\n",
     "\n</answer>"},
    {"exaone", "EXAONE Deep", "<thought>", "</thought>"},
    {"think",
     "DeepSeek R1 to V4, Qwen 3, QwQ, GLM 4.5 to 4.7, Nemotron 2 and 3, Kimi K2 Thinking, MiniMax "
     "M1 "
     "and M2, SmolLM 3, Step 3.5, Laguna, LFM 2.5 Thinking, MiMo, and every model whose template "
     "says "
     "nothing",
     "<think>", "</think>"},
});

}  // namespace

std::span<const ReasoningForm> reasoning_forms() { return kForms; }

const ReasoningForm& default_reasoning_form() { return kForms.back(); }

}  // namespace hearth::text::reply
