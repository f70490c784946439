// Small vocabularies, one for each kind of tokenizer, made in code. Only for this room's tests and
// its fuzz target.
#pragma once

#include <fmt/format.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace hearth::text {

// A VocabData that owns its strings.
class ToyVocab {
 public:
  explicit ToyVocab(std::string_view model, std::string_view pre = {}) {
    data.model = keep(std::string(model));
    data.pre = keep(std::string(pre));
  }
  ToyVocab(const ToyVocab&) = delete;
  ToyVocab& operator=(const ToyVocab&) = delete;

  int32_t add(const std::string& text, TokenType type = TokenType::kNormal, float score = 0) {
    data.tokens.push_back(keep(text));
    data.token_types.push_back(static_cast<int32_t>(type));
    data.scores.push_back(score);
    return static_cast<int32_t>(data.tokens.size()) - 1;
  }
  // Both parts joined become a token, unless they are one.
  void merge(const std::string& left, const std::string& right) {
    data.merges.push_back(keep(left + " " + right));
    const std::string both = left + right;
    for (const std::string_view token : data.tokens)
      if (token == both) return;
    add(both);
  }
  void add_byte_tokens() {
    for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  }

  std::unique_ptr<Tokenizer> tokenizer() const {
    auto made = Tokenizer::create(data);
    return made ? std::move(*made) : nullptr;
  }

  VocabData data;

 private:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  std::deque<std::string> kept_;
};

// All bytes, words of "hello world", runs of a and of spaces, and special tokens.
inline void fill_byte_level(ToyVocab& v) {
  for (int byte = 0; byte < 256; ++byte) {
    const char raw = static_cast<char>(byte);
    v.add(encode_byte_alphabet({&raw, 1}));
  }
  const std::string space = encode_byte_alphabet(" ");
  v.merge("a", "a"), v.merge("aa", "aa"), v.merge("aaaa", "aaaa");
  v.merge(space, space), v.merge(space + space, space + space);
  v.merge("h", "e"), v.merge("l", "l"), v.merge("he", "ll"), v.merge("hell", "o");
  v.merge(space, "w"), v.merge("o", "r"), v.merge(space + "w", "or"), v.merge("l", "d"),
      v.merge(space + "wor", "ld");
  v.merge("1", "2"), v.merge("12", "3");
  v.merge(encode_byte_alphabet("\xE6"), encode_byte_alphabet("\x88"));
  v.merge(encode_byte_alphabet("\xE6\x88"), encode_byte_alphabet("\x91"));
  v.data.special.bos = v.add("<|begin_of_text|>", TokenType::kControl);
  v.data.special.eos = v.add("<|end_of_text|>", TokenType::kControl);
  v.add("<|im_start|>", TokenType::kControl);
  v.add("<|im_end|>", TokenType::kControl);
  v.add("<tool>", TokenType::kUserDefined);
}

inline void fill_spm(ToyVocab& v) {
  v.data.special.unk = v.add("<unk>", TokenType::kUnknown);
  v.data.special.bos = v.add("<s>", TokenType::kControl);
  v.data.special.eos = v.add("</s>", TokenType::kControl);
  v.add_byte_tokens();
  float score = 0;
  for (const char* piece : {"▁",     "▁▁", "▁▁▁▁", "aa",   "aaaa", "he",     "ll", "hell", "▁hello",
                            "hello", "▁w", "or",   "▁wor", "ld",   "▁world", "我", "我想", "h",
                            "e",     "l",  "o",    "w",    "r",    "d",      "a"})
    v.add(piece, TokenType::kNormal, score -= 1);
}

inline void fill_gemma4(ToyVocab& v) {
  v.data.special.bos = v.add("<bos>", TokenType::kControl);
  v.data.special.eos = v.add("<eos>", TokenType::kControl);
  v.add("<|tool_response>", TokenType::kControl);
  v.add("</s>");
  v.add_byte_tokens();
  for (const char* piece : {"▁", "h", "e", "l", "o", "a", "\n", "\n\n", "我"}) v.add(piece);
  v.merge("a", "a"), v.merge("aa", "aa"), v.merge("▁", "▁"), v.merge("h", "e"), v.merge("l", "l"),
      v.merge("▁", "he");
  v.merge("▁he", "ll"), v.merge("▁hell", "o");
}

inline void fill_wordpiece(ToyVocab& v) {
  v.data.special.pad = v.add("[PAD]", TokenType::kControl);
  v.data.special.unk = v.add("[UNK]", TokenType::kUnknown);
  v.data.special.cls = v.add("[CLS]", TokenType::kControl);
  v.data.special.sep = v.add("[SEP]", TokenType::kControl);
  for (const char* piece :
       {"▁hello", "▁he", "llo", "▁a", "a", "aa", "▁我", "▁想", "▁.", "▁'", "▁!", "▁cafe", "▁e"})
    v.add(piece);
}

inline void fill_unigram(ToyVocab& v) {
  v.data.special.pad = v.add("<pad>", TokenType::kControl);
  v.data.special.eos = v.add("</s>", TokenType::kControl);
  v.data.special.unk = v.add("<unk>", TokenType::kUnknown);
  float score = -2;
  for (const char* piece :
       {"▁", "▁hello", "▁he", "llo", "l", "o", "a", "aa", "aaa", "我", "▁world", "he", "h", "e"})
    v.add(piece, TokenType::kNormal, score -= 0.75f);
  v.data.add_space_prefix = true;
  v.data.remove_extra_whitespaces = true;
}

inline void fill_rwkv(ToyVocab& v) {
  v.add("<s>", TokenType::kControl);
  for (int byte = 0; byte < 256; ++byte) v.add(fmt::format("\\x{:02x}", byte));
  for (const char* piece : {"he", "hello", " world", "aa", "aaaa", "\\n\\n"}) v.add(piece);
}

inline void fill_plamo2(ToyVocab& v) {
  v.data.special.unk = v.add("<|plamo:unk|>", TokenType::kUnknown);
  v.data.special.bos = v.add("<|plamo:bos|>", TokenType::kControl);
  v.data.special.eos = v.add("<|plamo:eos|>", TokenType::kControl);
  v.add_byte_tokens();
  float score = -1;
  for (const char* piece : {"a", "aa", "aaaa", "he", "llo", "hello", " ", "l", "o", "我", " world"})
    v.add(piece, TokenType::kNormal, score -= 0.5f);
}

// One of each, by number; `which` wraps around.
inline constexpr int kToyKinds = 9;
inline std::unique_ptr<ToyVocab> toy_vocab(int which) {
  struct Kind {
    const char* model;
    const char* pre;
    void (*fill)(ToyVocab&);
  };
  static constexpr Kind kKinds[kToyKinds] = {{"gpt2", "llama-bpe", fill_byte_level},
                                             {"gpt2", "default", fill_byte_level},
                                             {"gpt2", "chameleon", fill_byte_level},
                                             {"llama", "", fill_spm},
                                             {"gemma4", "", fill_gemma4},
                                             {"bert", "", fill_wordpiece},
                                             {"t5", "", fill_unigram},
                                             {"rwkv", "", fill_rwkv},
                                             {"plamo2", "", fill_plamo2}};
  const Kind& kind = kKinds[which % kToyKinds];
  auto v = std::make_unique<ToyVocab>(kind.model, kind.pre);
  kind.fill(*v);
  return v;
}

}  // namespace hearth::text
