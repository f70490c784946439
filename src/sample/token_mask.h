// TokenMask: which tokens of a vocabulary are allowed, one bit each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hearth::sample {

class TokenMask {
 public:
  TokenMask() = default;
  explicit TokenMask(size_t n_vocab) : words_((n_vocab + 63) / 64), n_vocab_(n_vocab) {}

  [[nodiscard]] size_t n_vocab() const { return n_vocab_; }
  [[nodiscard]] bool test(int32_t id) const {
    return id >= 0 && size_t(id) < n_vocab_ && ((words_[size_t(id) / 64] >> (id % 64)) & 1) != 0;
  }
  void set(int32_t id) { words_[size_t(id) / 64] |= uint64_t{1} << (id % 64); }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  void add(const TokenMask& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  [[nodiscard]] size_t count() const {
    size_t n = 0;
    for (const uint64_t w : words_) n += size_t(std::popcount(w));
    return n;
  }
  // visit(id) for every allowed token, ascending.
  template <class Visit>
  void for_each(Visit visit) const {
    for (size_t i = 0; i < words_.size(); ++i)
      for (uint64_t w = words_[i]; w != 0; w &= w - 1)
        visit(int32_t(i * 64 + size_t(std::countr_zero(w))));
  }
  // Equal masks have equal ones.
  [[nodiscard]] uint64_t hash() const {
    uint64_t h = 0;
    for (const uint64_t w : words_) h = (h ^ w ^ (h >> 31)) * 0x9e3779b97f4a7c15u;
    return h;
  }
  bool operator==(const TokenMask&) const = default;

 private:
  std::vector<uint64_t> words_;
  size_t n_vocab_ = 0;
};

}  // namespace hearth::sample
