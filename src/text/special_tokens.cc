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

constexpr std::array<std::string_view, 22> kEndOfGeneration = {"<|eot_id|>",
                                                               "<|im_end|>",
                                                               "<|end|>",
                                                               "<|return|>",
                                                               "<|call|>",
                                                               "<|flush|>",
                                                               "<|calls|>",
                                                               "<end_of_turn>",
                                                               "<|endoftext|>",
                                                               "</s>",
                                                               "<|eom_id|>",
                                                               "<EOT>",
                                                               "_<EOT>",
                                                               "[EOT]",
                                                               "[EOS]",
                                                               "<|end_of_text|>",
                                                               "<end_of_utterance>",
                                                               "<eos>",
                                                               "<turn|>",
                                                               "<|tool_response>",
                                                               "<｜end▁of▁sentence｜>",
                                                               "[e~["};

constexpr std::array<std::string_view, 4> kHarmony = {"<|start|>", "<|channel|>", "<|message|>",
                                                      "<|constrain|>"};

class Finder {
 public:
  Finder(const TokenTexts& texts, const TextIndex& index) : texts_(texts), index_(index) {}

  int32_t find(std::string_view name) const { return index_.find(texts_, name); }
  bool has(std::string_view name) const { return find(name) >= 0; }

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
  const TokenTexts& texts_;
  const TextIndex& index_;
};

// Families in which a token of the list above does not end generation, or another one does.
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
  // Gemma 4 (which alone has <|tool_response>): </s> is a piece of HTML.
  if (const int32_t s = f.find("</s>"); s >= 0 && f.has("<|tool_response>")) {
    f.not_an_end(s);
    f.found.plain.push_back(s);
  }
  // GLM-4: the model opens the next turn itself.
  if ((pre == "glm4" || pre == "chatglm-bpe") && f.has("<|observation|>")) {
    f.end_with(f.find("<|user|>"));
    f.end_with(f.find("<|observation|>"));
  }
}

}  // namespace

SpecialTokens find_special_tokens(const TokenTexts& texts, const TextIndex& index,
                                  const SpecialIds& declared, std::span<const int32_t> declared_eos,
                                  std::string_view pre) {
  Finder f(texts, index);
  SpecialIds& ids = f.found.ids;
  ids = declared;
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
  for (const int32_t id : declared_eos) f.end_with(id);
  for (const std::string_view name : kEndOfGeneration) {
    const int32_t id = f.find(name);
    if (id < 0) continue;
    f.end_with(id);
    f.found.control.push_back(id);
  }
  for (const std::string_view name : kHarmony) {
    const int32_t id = f.find(name);
    if (id < 0) continue;
    f.found.control.push_back(id);
    f.found.shown.push_back(id);
  }
  apply_exceptions(f, pre);

  std::ranges::sort(f.found.eog);
  const auto repeated = std::ranges::unique(f.found.eog);
  f.found.eog.erase(repeated.begin(), repeated.end());
  return f.found;
}

}  // namespace hearth::text
