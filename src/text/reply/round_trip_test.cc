// Every real template: which format of tool calls and of reasoning it has and how it is told to
// think, and that what it writes of calls is read back.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "text/reply/test_replies.h"

namespace hearth::text {
namespace {

using Json = nlohmann::json;

struct Expected {
  const char* name;
  const char* tools;    // format of calls
  bool writes_calls;    // the template itself does, so the format is proved by reading it back
  const char* reasons;  // form of reasoning; "": the template has none
  const char* control;  // how it is told to think, as control_text() says it
};

// What the detector says, read over: a regression table.
constexpr Expected kExpected[] = {
    {"chujiezheng/alpaca", "generic", false, "", ""},
    {"chujiezheng/amberchat", "generic", false, "", ""},
    {"chujiezheng/chatml", "generic", false, "", ""},
    {"chujiezheng/chatqa", "generic", false, "", ""},
    {"chujiezheng/falcon-instruct", "generic", false, "", ""},
    {"chujiezheng/gemma-it", "generic", false, "", ""},
    {"chujiezheng/granite-3.0-instruct", "granite-3", false, "", ""},
    {"chujiezheng/llama-2-chat", "generic", false, "", ""},
    {"chujiezheng/llama-3-instruct", "generic", false, "", ""},
    {"chujiezheng/mistral-instruct", "generic", false, "", ""},
    {"chujiezheng/openchat-3.5", "generic", false, "", ""},
    {"chujiezheng/phi-3", "generic", false, "", ""},
    {"chujiezheng/phi-3-small", "generic", false, "", ""},
    {"chujiezheng/qwen2.5-instruct", "hermes", true, "", ""},
    {"chujiezheng/saiga", "generic", false, "", ""},
    {"chujiezheng/solar-instruct", "generic", false, "", ""},
    {"chujiezheng/vicuna", "generic", false, "", ""},
    {"chujiezheng/zephyr", "generic", false, "", ""},
    {"llama.cpp/Apertus-8B-Instruct", "apertus", true, "apertus", "on off:enable_thinking"},
    {"llama.cpp/Apriel-1.6-15b-Thinker-fixed", "apriel", true, "apriel", ""},
    {"llama.cpp/Bielik-11B-v3.0-Instruct", "hermes", true, "think", "on off:enable_thinking"},
    {"llama.cpp/ByteDance-Seed-OSS", "seed-oss", true, "seed",
     "on off:thinking_budget thinking_budget"},
    {"llama.cpp/Cohere2MoE", "cohere", true, "cohere", "on off:reasoning"},
    {"llama.cpp/CohereForAI-c4ai-command-r-plus-tool_use", "command-r", true, "", ""},
    {"llama.cpp/CohereForAI-c4ai-command-r7b-12-2024-tool_use", "cohere", true, "cohere",
     "on off:enable_thinking"},
    {"llama.cpp/GLM-4.6", "glm", true, "think", "on off:enable_thinking"},
    {"llama.cpp/GLM-4.7-Flash", "glm", true, "think", "on off:enable_thinking"},
    {"llama.cpp/GigaChat3-10B-A1.8B", "gigachat-3", true, "", ""},
    {"llama.cpp/GigaChat3.1-10B-A1.8B", "gigachat-3.1", true, "", ""},
    {"llama.cpp/HuggingFaceTB-SmolLM3-3B", "generic", false, "think", "on off:enable_thinking"},
    {"llama.cpp/Kimi-K2-Instruct", "kimi-k2", false, "", ""},
    {"llama.cpp/Kimi-K2-Thinking", "kimi-k2", false, "think", ""},
    {"llama.cpp/Kimi-K3", "kimi-k3", true, "kimi-k3", "on off:thinking low high max"},
    {"llama.cpp/LFM2-8B-A1B", "lfm2", false, "", ""},
    {"llama.cpp/LFM2.5-8B-A1B", "lfm2", true, "think", ""},
    {"llama.cpp/LFM2.5-Instruct", "lfm2", false, "", ""},
    {"llama.cpp/MiMo-VL", "hermes", true, "", ""},
    {"llama.cpp/MiniMax-M1", "minimax-m1", true, "", ""},
    {"llama.cpp/MiniMax-M2", "minimax-m2", true, "think", ""},
    {"llama.cpp/MiniMax-M3", "minimax-m3", true, "minimax-m3", "on off:thinking_mode"},
    {"llama.cpp/Mistral-Small-3.2-24B-Instruct-2506", "mistral-ids", true, "", ""},
    {"llama.cpp/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "qwen3-coder", true, "think",
     "on off:enable_thinking"},
    {"llama.cpp/NVIDIA-Nemotron-Nano-v2", "nemotron", true, "think", "/no_think"},
    {"llama.cpp/NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes", true, "", ""},
    {"llama.cpp/NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes", true, "", ""},
    {"llama.cpp/Qwen-QwQ-32B", "hermes", true, "think", "on off:enable_thinking"},
    {"llama.cpp/Qwen-Qwen2.5-7B-Instruct", "hermes", true, "", ""},
    {"llama.cpp/Qwen-Qwen3-0.6B", "hermes", true, "think", "on off:enable_thinking"},
    {"llama.cpp/Qwen3-Coder", "qwen3-coder", true, "", ""},
    {"llama.cpp/Qwen3.5-4B", "qwen3-coder", true, "think", "on off:enable_thinking"},
    {"llama.cpp/Reka-Edge", "hermes", true, "think", "on off:enable_thinking"},
    {"llama.cpp/StepFun3.5-Flash", "qwen3-coder", true, "think", ""},
    {"llama.cpp/deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek-r1", true, "think", ""},
    {"llama.cpp/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-r1", true, "think",
     "on off:enable_thinking"},
    {"llama.cpp/deepseek-ai-DeepSeek-V3.1", "deepseek-v3.1", true, "think",
     "on off:enable_thinking"},
    {"llama.cpp/deepseek-ai-DeepSeek-V3.2", "deepseek-v3.2", true, "think",
     "on off:enable_thinking"},
    {"llama.cpp/deepseek-ai-DeepSeek-V4", "deepseek-v4", true, "think", "on off:enable_thinking"},
    {"llama.cpp/deepseek-ai-DeepSeek-V4-Flash-0731", "deepseek-v4", true, "think",
     "on off:enable_thinking low medium high max"},
    {"llama.cpp/fireworks-ai-llama-3-firefunction-v2", "firefunction", false, "", ""},
    {"llama.cpp/google-gemma-2-2b-it", "generic", false, "", ""},
    {"llama.cpp/google-gemma-4-31B-it", "gemma-4", true, "gemma-4", "on off:enable_thinking"},
    {"llama.cpp/google-gemma-4-31B-it-interleaved", "gemma-4", true, "gemma-4",
     "on off:enable_thinking"},
    {"llama.cpp/ibm-granite-granite-3.3-2B-Instruct", "granite-3", false, "granite-3.3",
     "on off:thinking"},
    {"llama.cpp/ibm-granite-granite-4.0", "hermes", true, "", ""},
    {"llama.cpp/ibm-granite-granite-4.1", "hermes", true, "", ""},
    {"llama.cpp/llama-cpp-deepseek-r1", "deepseek-r1", false, "think", ""},
    {"llama.cpp/llama-cpp-rwkv-world", "generic", false, "think", "on off:enable_thinking"},
    {"llama.cpp/meetkai-functionary-medium-v3.1", "functionary-3.1", true, "", ""},
    {"llama.cpp/meetkai-functionary-medium-v3.2", "functionary-3.2", true, "", ""},
    {"llama.cpp/meta-llama-Llama-3.1-8B-Instruct", "llama-3", true, "", ""},
    {"llama.cpp/meta-llama-Llama-3.2-3B-Instruct", "llama-3", true, "", ""},
    {"llama.cpp/meta-llama-Llama-3.3-70B-Instruct", "llama-3", true, "", ""},
    {"llama.cpp/microsoft-Phi-3.5-mini-instruct", "generic", false, "", ""},
    {"llama.cpp/mistralai-Ministral-3-14B-Reasoning-2512", "mistral-args", true, "mistral", ""},
    {"llama.cpp/mistralai-Mistral-Nemo-Instruct-2407", "mistral-list", true, "", ""},
    {"llama.cpp/moonshotai-Kimi-K2", "kimi-k2", true, "", ""},
    {"llama.cpp/muse-glimmer", "muse", true, "muse", "low medium high"},
    {"llama.cpp/openai-gpt-oss-120b", "harmony", true, "harmony", "low medium high"},
    {"llama.cpp/openbmb-MiniCPM5-1B", "minicpm5", true, "think", "on off:enable_thinking"},
    {"llama.cpp/poolside-Laguna-S-2.1", "glm", true, "think", "on off:enable_thinking"},
    {"llama.cpp/poolside-Laguna-XS-2.1", "glm", true, "think", "on off:enable_thinking"},
    {"llama.cpp/poolside-Laguna-XS.2", "glm", true, "think", "on off:enable_thinking"},
    {"llama.cpp/tencent-Hy3", "hunyuan", true, "hunyuan", "on off:reasoning_effort low high"},
    {"llama.cpp/unsloth-Apriel-1.5", "apriel", true, "", ""},
    {"llama.cpp/unsloth-mistral-Devstral-Small-2507", "mistral-args", true, "", ""},
    {"llama.cpp/upstage-Solar-Open-100B", "solar", true, "solar", "minimal low medium high"},
};

std::string control_text(const ThinkingSwitch& control) {
  std::string text = control.on ? "on" : "";
  if (control.off)
    text += " off:" + (control.off->empty() ? std::string() : control.off->front().first);
  for (const auto& [level, variables] : control.levels) text += " " + level;
  if (!control.budget_variable.empty()) text += " " + control.budget_variable;
  if (!control.off_phrase.empty()) text += " " + control.off_phrase;
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

TEST(ReplyFormat, OfEveryRealTemplate) {
  SKIP_WITHOUT_TEMPLATES();
  EXPECT_EQ(template_names().size(), std::size(kExpected));
  for (const Expected& expected : kExpected) {
    const ReplyFormat format = detect_reply_format(named_template(expected.name));
    EXPECT_EQ(format.tool_format_name(), expected.tools) << expected.name;
    EXPECT_EQ(format.template_shows_calls, expected.writes_calls) << expected.name;
    EXPECT_EQ(format.reasons ? format.reasoning_form_name() : "", expected.reasons)
        << expected.name;
    EXPECT_EQ(control_text(format.thinking), expected.control) << expected.name;
  }
}

// Arguments that formats must not mix up: words that look like numbers, the formats' own signs,
// spaces at both ends, nothing at all.
constexpr const char* kTools = R"([{"type": "function", "function": {"name": "write_file",
 "description": "w", "parameters": {"type": "object", "properties": {
  "path": {"type": "string", "description": "p"}, "text": {"type": "string", "description": "t"},
  "n": {"type": "integer", "description": "n"}, "x": {"type": "number", "description": "x"},
  "deep": {"type": "object", "description": "d", "additionalProperties": {"type": "string"}}, "on": {"type": "boolean", "description": "o"}},
  "required": ["path"], "additionalProperties": false}}}])";
constexpr const char* kArguments[] = {
    R"({"path": "a b.txt", "text": "if x < 3 && y > 2:\n  print('<b>\"hi\"</b>', [1, {2}])\n# done", "n": -12})",
    R"({"path": "123", "text": "true", "x": 0.5, "on": false})",
    R"({"path": "Grüße 你好 \ud83d\ude00", "deep": {"a": {"b": ["c", 1.5, true]}, "e": "f"}})",
    R"({"path": ""})",
};

TEST(ReplyFormat, CallsOfEveryTemplateAreReadBack) {
  SKIP_WITHOUT_TEMPLATES();
  const ToolList tools = *ToolList::parse(kTools);
  int n = 0;
  for (const Expected& expected : kExpected) {
    if (!expected.writes_calls) continue;
    const ChatTemplate chat_template = named_template(expected.name);
    const ReplyFormat format = detect_reply_format(chat_template);
    const ChatOptions options = {.bos_token = "<s>",
                                 .eos_token = "</s>",
                                 .tools = tools.value(),
                                 .now = CivilTime{2026, 7, 26, 12, 0, 0}};
    for (const char* arguments : kArguments) {
      // This template puts quotes around strings without escaping those within.
      if (expected.tools == std::string_view("lfm2") && arguments == kArguments[0]) continue;
      std::string tail;
      const std::string text =
          written_call(chat_template, options, format, {.arguments = arguments}, tail);
      ASSERT_FALSE(text.empty()) << expected.name;
      const Reply reply =
          checked_reply(text, {.format = format, .tools = tools, .prompt_tail = tail});
      ASSERT_EQ(reply.calls.size(), 1u) << expected.name << "\n" << text;
      EXPECT_EQ(reply.calls[0].name, "write_file");
      EXPECT_EQ(Json::parse(reply.calls[0].arguments, nullptr, false), Json::parse(arguments))
          << expected.name << "\n"
          << text << "\n"
          << reply.calls[0].arguments;
      EXPECT_TRUE(reply.warnings.empty()) << expected.name << ": " << reply.warnings[0];
      ++n;
    }
  }
  EXPECT_EQ(n, 4 * int(std::ranges::count(kExpected, true, &Expected::writes_calls)) - 1);
}

// With what each family ends an answer.
TEST(ReplyFormat, EndsOfTurns) {
  SKIP_WITHOUT_TEMPLATES();
  constexpr std::pair<const char*, const char*> kEnds[] = {
      {"chujiezheng/chatml", "<|im_end|>"},
      {"chujiezheng/gemma-it", "<end_of_turn>"},
      {"chujiezheng/llama-2-chat", "</s>"},
      {"chujiezheng/llama-3-instruct", "<|eot_id|>"},
      {"chujiezheng/phi-3", "<|end|>"},
      {"chujiezheng/granite-3.0-instruct", "<|end_of_text|>"},
      {"llama.cpp/Apertus-8B-Instruct", "<|assistant_end|>"},
      {"llama.cpp/ByteDance-Seed-OSS", "<seed:eos>"},
      {"llama.cpp/Cohere2MoE", "<|END_OF_TURN_TOKEN|>"},
      {"llama.cpp/CohereForAI-c4ai-command-r7b-12-2024-tool_use", "<|END_OF_TURN_TOKEN|>"},
      {"llama.cpp/GLM-4.6", "<|user|>"},
      {"llama.cpp/MiniMax-M2", "[e~["},
      {"llama.cpp/MiniMax-M1", "<end_of_sentence>"},
      {"llama.cpp/NVIDIA-Nemotron-Nano-v2", "<SPECIAL_12>"},
      {"llama.cpp/Reka-Edge", "<sep>"},
      {"llama.cpp/google-gemma-4-31B-it", "<turn|>"},
      {"llama.cpp/moonshotai-Kimi-K2", "<|im_end|>"},
      {"llama.cpp/deepseek-ai-DeepSeek-V3.1", "<｜end▁of▁sentence｜>"},
      {"llama.cpp/tencent-Hy3", "<｜hy_eos:opensource｜>"},
      {"llama.cpp/Mistral-Small-3.2-24B-Instruct-2506", "</s>"},
      {"llama.cpp/LFM2-8B-A1B", "<|im_end|>"},
      {"llama.cpp/microsoft-Phi-3.5-mini-instruct", "<|end|>"},
  };
  for (const auto& [name, end] : kEnds)
    EXPECT_TRUE(detect_reply_format(named_template(name)).turn_end.starts_with(end))
        << name << ": " << detect_reply_format(named_template(name)).turn_end;
}

}  // namespace
}  // namespace hearth::text
