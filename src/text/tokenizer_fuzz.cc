// libFuzzer: any bytes through every kind of tokenizer, and any bytes as the parts of a vocabulary.
// What must hold: no crash, no error for a text, ids within the vocabulary, byte-level tokenizers
// give the text back, and the stream of their pieces is the whole.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "text/detokenizer.h"
#include "text/toy_vocabs.h"

namespace hearth::text {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Toys {
  std::array<std::unique_ptr<ToyVocab>, kToyKinds> vocabs;
  std::array<std::unique_ptr<Tokenizer>, kToyKinds> tokenizers;
};

const Toys& toys() {
  static const Toys made = [] {
    Toys t;
    for (int i = 0; i < kToyKinds; ++i) {
      t.vocabs[static_cast<size_t>(i)] = toy_vocab(i);
      t.tokenizers[static_cast<size_t>(i)] = t.vocabs[static_cast<size_t>(i)]->tokenizer();
    }
    return t;
  }();
  return made;
}

void check(const Tokenizer& t, std::string_view text, bool parse_special, bool gives_bytes_back) {
  const auto ids = t.encode(text, {.add_special = false, .parse_special = parse_special});
  require(ids.has_value());
  for (const int32_t id : *ids) require(id >= 0 && id < t.n_tokens());
  const std::string decoded = t.decode(*ids, {.render_special = true});
  if (gives_bytes_back) require(decoded == text);
  StreamDecoder decoder(t, {.render_special = true});
  std::string joined;
  for (const int32_t id : *ids) joined += decoder.push(id);
  joined += decoder.flush();
  require(joined == to_valid_utf8(decoded));
}

// Tokens, merges and a charsmap cut from the bytes, then the rest as text.
void hostile_vocab(std::string_view bytes) {
  static constexpr std::array<std::string_view, 7> kModels = {"llama", "gpt2", "gemma4", "bert",
                                                              "t5",    "rwkv", "plamo2"};
  ToyVocab v(kModels[static_cast<uint8_t>(bytes[0]) % kModels.size()], "gpt-2");
  bytes.remove_prefix(1);
  const auto take = [&bytes]() {
    const size_t n =
        bytes.empty() ? 0 : std::min<size_t>(static_cast<uint8_t>(bytes[0]) % 12, bytes.size() - 1);
    const std::string_view part = bytes.empty() ? bytes : bytes.substr(1, n);
    bytes.remove_prefix(bytes.empty() ? 0 : n + 1);
    return part;
  };
  for (int i = 0; i < 24; ++i) {
    const std::string_view text = take();
    v.add(std::string(text), static_cast<TokenType>(text.size() % 7),
          text.empty() ? 0 : static_cast<float>(text[0]));
  }
  for (int i = 0; i < 12; ++i) v.data.merges.push_back(take());
  v.data.precompiled_charsmap = take();
  v.data.special.eos = static_cast<int32_t>(bytes.size() % 40) - 1;
  const auto t = v.tokenizer();
  if (t != nullptr) check(*t, bytes, true, false);
}

}  // namespace
}  // namespace hearth::text

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto choice = static_cast<uint8_t>(bytes[0]);
  if (choice >= 128) {
    hostile_vocab(bytes.substr(1));
    return 0;
  }
  const size_t kind = choice % kToyKinds;
  const bool gives_bytes_back = kind < 3 || kind == 7;
  check(*toys().tokenizers[kind], bytes.substr(1), choice >= 64, gives_bytes_back);
  return 0;
}
