// RWKV's tokenizer: the longest token that fits, from left to right.
#include "text/encoder.h"
#include "text/trie.h"

namespace hearth::text {
namespace {

class GreedyEncoder : public TextEncoder {
 public:
  explicit GreedyEncoder(const Vocab& vocab) : vocab_(vocab) {
    std::vector<Trie::Entry> entries;
    for (int32_t id = 0; id < vocab.n_tokens(); ++id)
      if (vocab.is_plain(id) || vocab.type(id) == TokenType::kByte)
        entries.push_back({vocab.piece(id), id});
    trie_ = Trie(std::move(entries));
  }

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    for (size_t at = 0; at < text.size();) {
      size_t best_end = at + 1;
      int32_t best = vocab_.special().unk;  // for a byte that no token begins with
      uint32_t node = Trie::kRoot;
      for (size_t end = at; end < text.size();) {
        node = trie_.child(node, text[end++]);
        if (node == Trie::kNoNode) break;
        if (trie_.value(node) >= 0) best = trie_.value(node), best_end = end;
      }
      if (best >= 0) ids.push_back(best);
      at = best_end;
    }
    return {};
  }

 private:
  const Vocab& vocab_;
  Trie trie_;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_greedy_encoder(const Vocab& vocab) {
  return std::make_unique<GreedyEncoder>(vocab);
}

}  // namespace hearth::text
