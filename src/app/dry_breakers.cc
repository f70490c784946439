#include "app/dry_breakers.h"

#include <algorithm>
#include <string_view>

namespace hearth::app {
namespace {

// The tokens of a text that follows other text: without the space that SentencePiece models put
// before a text.
Result<std::vector<int32_t>> encode_inside(const text::Tokenizer& tokenizer,
                                           std::string_view text) {
  constexpr std::string_view kSpace = "\u2581";
  HEARTH_ASSIGN(std::vector<int32_t> ids,
                tokenizer.encode(text, {.add_special = false, .parse_special = false}));
  if (!tokenizer.vocab().adds_space_prefix() || ids.empty()) return ids;
  std::string_view first = tokenizer.vocab().text(ids.front());
  if (!first.starts_with(kSpace)) return ids;
  first.remove_prefix(kSpace.size());
  if (first.empty())
    ids.erase(ids.begin());
  else if (const int32_t without = tokenizer.find(first); without >= 0)
    ids.front() = without;
  return ids;
}

}  // namespace

Result<std::vector<std::vector<int32_t>>> dry_breaker_tokens(const text::Tokenizer& tokenizer,
                                                             std::span<const std::string> texts) {
  std::vector<std::vector<int32_t>> all;
  for (const std::string_view text : texts) {
    if (text.empty()) continue;
    std::vector<std::vector<int32_t>> rests(text.size());  // by the byte where the rest begins
    for (size_t at = 1; at < text.size(); ++at) {
      HEARTH_ASSIGN(rests[at], encode_inside(tokenizer, text.substr(at)));
    }
    for (int32_t id = 0; id < tokenizer.n_tokens(); ++id) {
      const std::string_view piece = tokenizer.piece(id);
      if (piece.contains(text)) {
        all.push_back({id});
        continue;
      }
      for (size_t n = 1; n < text.size() && n <= piece.size(); ++n) {
        if (!piece.ends_with(text.substr(0, n))) continue;
        all.push_back({id});
        all.back().insert(all.back().end(), rests[n].begin(), rests[n].end());
      }
    }
  }
  return all;
}

}  // namespace hearth::app
