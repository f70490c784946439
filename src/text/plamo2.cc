// PLaMo 2's tokenizer: of all ways to write the text as tokens the cheapest, found from the end of
// the text. A token costs its score, in whole units of 1e-4 and negated; a character without a
// token costs a fixed lot and becomes byte tokens. Of equally cheap ways the longer first token
// wins.
#include <algorithm>
#include <cmath>

#include "text/encoder.h"
#include "text/trie.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

constexpr int64_t kUnknownCost = 10'000'000;
constexpr int64_t kTokenCostMax = 20'000'000;  // what costs this much or more is never used

class Plamo2Encoder : public TextEncoder {
 public:
  explicit Plamo2Encoder(const Vocab& vocab) : vocab_(vocab) {
    std::vector<Trie::Entry> entries;
    costs_.resize(static_cast<size_t>(vocab.n_tokens()));
    for (int32_t id = 0; id < vocab.n_tokens(); ++id) {
      const double cost = std::round(-static_cast<double>(vocab.score(id)) * 1e4);
      if (!vocab.is_plain(id) || !(std::abs(cost) < static_cast<double>(kTokenCostMax))) continue;
      costs_[static_cast<size_t>(id)] = static_cast<int64_t>(cost);
      entries.push_back({vocab.piece(id), id});
      longest_ = std::max(longest_, vocab.piece(id).size());
    }
    trie_ = Trie(std::move(entries));
  }

  Result<void> encode(std::string_view text, std::vector<int32_t>& ids) const override {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
    const std::vector<int32_t> first = best_first_tokens(text);
    for (size_t at = 0; at < text.size();) {
      if (first[at] >= 0) {
        ids.push_back(first[at]);
        at += vocab_.piece(first[at]).size();
        continue;
      }
      const size_t end = at + char_at(text.data() + at, text.data() + text.size()).length;
      for (; at < end; ++at) {
        const int32_t id = vocab_.byte_token(static_cast<uint8_t>(text[at]));
        if (id >= 0) ids.push_back(id);
      }
    }
    return {};
  }

 private:
  // [bytes] the token to begin with at each character; -1: its bytes.
  std::vector<int32_t> best_first_tokens(std::string_view text) const {
    size_t ring = 8;
    while (ring < longest_ + 8) ring *= 2;
    std::vector<int64_t> cost_from(ring, 0);
    ring -= 1;
    std::vector<int32_t> first(text.size(), -1);
    for (size_t at = text.size(); at-- > 0;) {
      const size_t length = char_at(text.data() + at, text.data() + text.size()).length;
      int64_t best = cost_from[(at + length) & ring] + kUnknownCost;
      uint32_t node = Trie::kRoot;
      for (size_t end = at; end < text.size();) {
        node = trie_.child(node, text[end++]);
        if (node == Trie::kNoNode) break;
        const int32_t id = trie_.value(node);
        if (id < 0) continue;
        const int64_t cost = cost_from[end & ring] + costs_[static_cast<size_t>(id)];
        if (cost <= best) best = cost, first[at] = id;
      }
      cost_from[at & ring] = best;
    }
    return first;
  }

  const Vocab& vocab_;
  Trie trie_;
  std::vector<int64_t> costs_;
  size_t longest_ = 0;
};

}  // namespace

Result<std::unique_ptr<TextEncoder>> make_plamo2_encoder(const Vocab& vocab) {
  return std::make_unique<Plamo2Encoder>(vocab);
}

}  // namespace hearth::text
