#include "text/special_tokens.h"

#include <algorithm>
#include <array>

namespace hearth::text {
namespace {

using Names = std::span<const std::string_view>;

// Of several that exist, the first counts: an end of turn before an end of text.
constexpr std::array<std::string_view, 11> kEndOfTurn = {"<|eot_id|>",
                                                         "<|im_end|>",
                                                         "<|end|>",
                                                         "<end_of_turn>",
                                                         "<EOT>",
                                                         "_<EOT>",
                                                         "[EOT]",
                                                         "<end_of_utterance>",
                                                         "<|endoftext|>",
                                                         "<|end_of_text|>",
                                                         "<｜end▁of▁sentence｜>"};
constexpr std::array<std::string_view, 1> kEndOfMessage = {"<|eom_id|>"};
constexpr std::array<std::string_view, 8> kFimPrefix = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<｜fim▁begin｜>",
    "<PRE>",          "▁<PRE>",       "<|code_prefix|>", "<|prefix|>"};
constexpr std::array<std::string_view, 8> kFimSuffix = {
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<｜fim▁hole｜>",
    "<SUF>",          "▁<SUF>",       "<|code_suffix|>", "<|suffix|>"};
constexpr std::array<std::string_view, 8> kFimMiddle = {
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<｜fim▁end｜>",
    "<MID>",          "▁<MID>",       "<|code_middle|>", "<|middle|>"};
constexpr std::array<std::string_view, 5> kFimPad = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>",
                                                     "<PAD>", "[PAD]"};
constexpr std::array<std::string_view, 5> kFimRepo = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
                                                      "<REPO>", "<reponame>"};
constexpr std::array<std::string_view, 1> kFimSeparator = {"<|file_sep|>"};

// Ends wherever they stand, whatever type the file gives them.
constexpr std::array<std::string_view, 22> kEndOfGeneration = {"<|eot_id|>",
                                                               "<|im_end|>",
                                                               "<|end|>",
                                                               "<|return|>",
                                                               "<|call|>",
                                                               "<|flush|>",
                                                               "<|calls|>",
                                                               "<end_of_turn>",
                                                               "<|endoftext|>",
                                                               "<|eom_id|>",
                                                               "<EOT>",
                                                               "_<EOT>",
                                                               "▁<EOT>",
                                                               "[EOT]",
                                                               "[EOS]",
                                                               "<|end_of_text|>",
                                                               "<end_of_utterance>",
                                                               "<eos>",
                                                               "<turn|>",
                                                               "<|tool_response>",
                                                               "<｜end▁of▁sentence｜>",
                                                               "[e~["};

// Ends where the file says that they are control or user-defined tokens: the same characters are a
// piece of text elsewhere (Qwen's vocabulary has an ordinary </s>). Most files declare one of them
// as their eos, and leave out the others.
constexpr std::array kEndIfSpecial = std::to_array<std::string_view>({
    "</s>",
    "<|eot|>",
    "<|eom|>",                // Llama 4, Jamba 1.5
    "<|end_of_turn|>",        // OpenChat, Starling
    "<|END_OF_TURN_TOKEN|>",  // Command R and later
    "<|EOT|>",                // DeepSeek Coder 1
    "[|endofturn|]",
    "<|endofturn|>",        // EXAONE
    "<|role_end|>",         // Ling, Ring
    "<|endofresponse|>",    // dots.llm1
    "<|assistant_end|>",    // Apertus
    "<|end_of_sentence|>",  // ERNIE 4.5
    "<end_of_sentence>",    // MiniMax Text 1, M1
    "<seed:eos>",           // Seed OSS
    "<EOS_TOKEN>",          // Command R, base models
    "<｜hy_eos｜>",
    "<｜hy_eos:opensource｜>",  // Hunyuan 3
    "<file_sep>",
    "<repo_name>",                // StarCoder 2: another file begins
    "<start_function_response>",  // FunctionGemma: what Gemma 4 calls <|tool_response>
});

constexpr std::array<std::string_view, 4> kHarmony = {"<|start|>", "<|channel|>", "<|message|>",
                                                      "<|constrain|>"};

class Finder {
 public:
  explicit Finder(const DeclaredTokens& declared) : declared_(declared) {}

  int32_t find(std::string_view name) const { return declared_.index.find(declared_.texts, name); }
  bool has(std::string_view name) const { return find(name) >= 0; }
  bool is_special(int32_t id) const {
    const TokenType type = declared_.types[static_cast<size_t>(id)];
    return type == TokenType::kControl || type == TokenType::kUserDefined;
  }

  // Fills a role that the file leaves open.
  void fill(int32_t& role, Names names) {
    if (role >= 0) return;
    for (const std::string_view name : names) {
      role = find(name);
      if (role < 0) continue;
      found.control.push_back(role);
      return;
    }
  }
  void end_with(int32_t id) {
    if (id >= 0) found.eog.push_back(id);
  }
  void not_an_end(int32_t id) {
    std::erase(found.eog, id);
    std::erase(found.control, id);
  }

  SpecialTokens found;

 private:
  const DeclaredTokens& declared_;
};

// Families in which a token of the lists above does not end generation, or another one does.
void apply_exceptions(Finder& f, std::string_view pre) {
  // gpt-oss and Solar: <|end|> closes a message and others follow.
  const bool harmony = f.has("<|return|>") && f.has("<|call|>");
  const bool solar = f.has("<|flush|>") && (f.has("<|calls|>") || f.has("<|call|>"));
  if (const int32_t end = f.find("<|end|>"); end >= 0 && (harmony || solar)) {
    f.not_an_end(end);
    f.found.control.push_back(end);
    f.found.shown.push_back(end);
    if (f.found.ids.eot == end) f.found.ids.eot = -1;
  }
  // Gemma has a token for every tag of HTML, so its </s> ends words struck out. (Gemma 4 alone has
  // <|tool_response>, and pairs </s> like other text.)
  const int32_t tag = f.find("</s>");
  if (tag >= 0 && f.has("<eos>") && f.found.ids.eos != tag) {
    f.not_an_end(tag);
    if (f.has("<|tool_response>")) f.found.plain.push_back(tag);
  }
  // GLM: the model opens the next turn itself. (Files may lack the pre-tokenizer's name.)
  const bool glm = pre == "glm4" || pre == "chatglm-bpe" || f.has("[gMASK]");
  if (glm && f.has("<|observation|>")) {
    f.end_with(f.find("<|user|>"));
    f.end_with(f.find("<|observation|>"));
  }
}

}  // namespace

SpecialTokens find_special_tokens(const DeclaredTokens& declared) {
  Finder f(declared);
  SpecialIds& ids = f.found.ids;
  ids = declared.special;
  f.fill(ids.eot, kEndOfTurn);
  f.fill(ids.eom, kEndOfMessage);
  f.fill(ids.fim_pre, kFimPrefix);
  f.fill(ids.fim_suf, kFimSuffix);
  f.fill(ids.fim_mid, kFimMiddle);
  f.fill(ids.fim_pad, kFimPad);
  f.fill(ids.fim_rep, kFimRepo);
  f.fill(ids.fim_sep, kFimSeparator);

  for (const int32_t id : {ids.fim_pad, ids.fim_rep, ids.fim_sep, ids.eos, ids.eot, ids.eom})
    f.end_with(id);
  for (const int32_t id : declared.ends) f.end_with(id);
  for (const std::string_view name : kEndOfGeneration) {
    const int32_t id = f.find(name);
    if (id < 0) continue;
    f.end_with(id);
    f.found.control.push_back(id);
  }
  for (const std::string_view name : kEndIfSpecial)
    if (const int32_t id = f.find(name); id >= 0 && f.is_special(id)) {
      f.end_with(id);
      f.found.control.push_back(id);
    }
  for (const std::string_view name : kHarmony) {
    const int32_t id = f.find(name);
    if (id < 0) continue;
    f.found.control.push_back(id);
    f.found.shown.push_back(id);
  }
  apply_exceptions(f, declared.pre);

  std::ranges::sort(f.found.eog);
  const auto repeated = std::ranges::unique(f.found.eog);
  f.found.eog.erase(repeated.begin(), repeated.end());
  return f.found;
}

}  // namespace hearth::text
