#include "text/charsmap.h"

#include <cstring>

namespace hearth::text {
namespace {

constexpr uint32_t kValueBit = 1u << 31;

uint32_t label(uint32_t unit) { return unit & (kValueBit | 0xFF); }
bool has_value(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }

std::unexpected<Error> corrupt(const char* what) {
  return fail(ErrorCode::kCorrupt, std::string("the tokenizer's precompiled_charsmap ") + what,
              "download the model file again, or convert it with a newer program");
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view bytes) {
  Charsmap map;
  if (bytes.empty()) return map;
  uint32_t trie_bytes = 0;
  if (bytes.size() < sizeof trie_bytes) return corrupt("is too short");
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  bytes.remove_prefix(sizeof trie_bytes);
  if (trie_bytes % sizeof(uint32_t) != 0 || trie_bytes >= bytes.size())
    return corrupt("does not fit its size field");
  map.units_.resize(trie_bytes / sizeof(uint32_t));
  if (trie_bytes > 0) std::memcpy(map.units_.data(), bytes.data(), trie_bytes);
  map.replacements_ = bytes.substr(trie_bytes);
  if (map.replacements_.back() != '\0') return corrupt("ends inside a replacement");
  return map;
}

Charsmap::Replacement Charsmap::longest_prefix(std::string_view text) const {
  Replacement best;
  if (units_.empty()) return best;
  size_t node = offset(unit(0));
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte == 0) break;
    node ^= byte;
    const uint32_t here = unit(node);
    if (label(here) != byte) break;
    node ^= offset(here);
    if (!has_value(here)) continue;
    const uint32_t at = unit(node) & ~kValueBit;
    if (at >= replacements_.size()) break;
    best = {i + 1, std::string_view(replacements_.c_str() + at)};
  }
  return best;
}

}  // namespace hearth::text
