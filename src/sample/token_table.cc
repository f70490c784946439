#include "sample/token_table.h"

#include <algorithm>
#include <set>

#include "sample/char_set.h"

namespace hearth::sample {
namespace {

// The number of characters of a plain token, 0 for any other. Appends its characters to `chars`.
size_t plain_length(const std::string& bytes, std::set<uint32_t>& chars) {
  size_t n = 0;
  std::vector<uint32_t> found;
  for (size_t pos = 0; pos < bytes.size(); ++n) {
    const uint32_t c = next_char(bytes, pos);
    if (c == kNoChar || c < 0x20 || c == '"' || c == '\\' || c == 0x7f) return 0;
    found.push_back(c);
  }
  if (n <= TokenTable::kPlainChars) chars.insert(found.begin(), found.end());
  return n;
}

}  // namespace

TokenTrie::TokenTrie(std::span<const std::string> bytes, std::vector<int32_t> ids)
    : tokens_(std::move(ids)) {
  std::sort(tokens_.begin(), tokens_.end(), [&](int32_t a, int32_t b) {
    const int order = bytes[size_t(a)].compare(bytes[size_t(b)]);
    return order != 0 ? order < 0 : a < b;
  });
  nodes_.push_back({.end = 0, .token_begin = 0, .depth = 0, .byte = 0});
  std::vector<uint32_t> path = {0};  // the nodes of the last token
  const std::string none;
  const std::string* last = &none;
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string& text = bytes[size_t(tokens_[i])];
    const auto [a, b] = std::mismatch(text.begin(), text.end(), last->begin(), last->end());
    const size_t shared = size_t(a - text.begin());
    while (path.size() > shared + 1) {
      nodes_[path.back()].end = uint32_t(nodes_.size());
      path.pop_back();
    }
    for (size_t d = shared; d < text.size(); ++d) {
      path.push_back(uint32_t(nodes_.size()));
      nodes_.push_back(
          {.end = 0, .token_begin = i, .depth = uint16_t(d + 1), .byte = uint8_t(text[d])});
    }
    max_depth_ = std::max(max_depth_, text.size());
    last = &text;
  }
  for (const uint32_t node : path) nodes_[node].end = uint32_t(nodes_.size());
  // A node's tokens end where those of the next node begin.
  nodes_.push_back({.end = uint32_t(nodes_.size()),
                    .token_begin = uint32_t(tokens_.size()),
                    .depth = 0,
                    .byte = 0});
}

struct TokenTable::Sorted {
  std::vector<int32_t> all;
  std::vector<int32_t> rest;
  std::vector<std::string> chars;
  std::vector<TokenMask> plain;
};

TokenTable::TokenTable(std::vector<std::string> bytes, TokenMask ends, Sorted sorted)
    : bytes_(std::move(bytes)),
      ends_(std::move(ends)),
      all_(bytes_, std::move(sorted.all)),
      rest_(bytes_, std::move(sorted.rest)),
      plain_chars_(std::move(sorted.chars)),
      plain_(std::move(sorted.plain)) {}

std::shared_ptr<const TokenTable> TokenTable::create(std::vector<std::string> bytes,
                                                     std::vector<int32_t> ends) {
  TokenMask end_mask(bytes.size());
  for (const int32_t id : ends)
    if (id >= 0 && size_t(id) < bytes.size()) end_mask.set(id);
  Sorted sorted;
  sorted.plain.assign(kPlainChars + 1, TokenMask(bytes.size()));
  std::set<uint32_t> chars;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int32_t id = int32_t(i);
    if (bytes[i].empty() || bytes[i].size() > kMaxTokenBytes || end_mask.test(id)) continue;
    sorted.all.push_back(id);
    const size_t n = plain_length(bytes[i], chars);
    if (n >= 1 && n <= kPlainChars)
      sorted.plain[n].set(id);
    else
      sorted.rest.push_back(id);
  }
  for (size_t n = 2; n <= kPlainChars; ++n) sorted.plain[n].add(sorted.plain[n - 1]);
  for (const uint32_t c : chars) append_utf8(sorted.chars.emplace_back(), c);
  return std::shared_ptr<const TokenTable>(
      new TokenTable(std::move(bytes), std::move(end_mask), std::move(sorted)));
}

}  // namespace hearth::sample
