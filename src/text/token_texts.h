// Containers for a vocabulary's strings: packed storage, a hash index over it, and a hash map from
// pairs of ids. All are filled once, at load, and read by many threads. Their sizes follow the
// file's, and no field of the file is a size.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

// Many short strings in one allocation; the n-th added has index n.
class TokenTexts {
 public:
  void add(std::string_view text) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
    if (text.size() > longest_) longest_ = text.size();
  }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }
  size_t size() const { return ends_.size(); }
  size_t longest_bytes() const { return longest_; }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
  size_t longest_ = 0;
};

inline uint64_t mix_bits(uint64_t h) {
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93u;
  h ^= h >> 29;
  return h;
}

inline uint64_t hash_text(std::string_view text) {
  uint64_t h = text.size() * 0x9E3779B97F4A7C15u;
  const char* p = text.data();
  size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = mix_bits(h ^ word);
  }
  uint64_t rest = 0;
  if (n > 0) std::memcpy(&rest, p, n);
  return mix_bits(h ^ rest ^ 0x5851F42D4C957F2Du);
}

// From a string to the id it was added with. Linear probing, at most half full.
class TextIndex {
 public:
  // Grows as needed; `expected` avoids that. The texts must stay where find() is given them.
  explicit TextIndex(size_t expected = 0) { resize(expected); }

  // The first id added for a text stays. REQUIRES: texts[id] is the text.
  void add(const TokenTexts& texts, int32_t id) {
    if (n_ * 2 >= slots_.size()) grow(texts);
    Slot& slot = slots_[probe(texts, texts[static_cast<size_t>(id)])];
    if (slot.id >= 0) return;
    slot = {tag(hash_text(texts[static_cast<size_t>(id)])), id};
    ++n_;
  }
  // -1: not there.
  int32_t find(const TokenTexts& texts, std::string_view text) const {
    return slots_[probe(texts, text)].id;
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    int32_t id = -1;
  };
  static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

  size_t probe(const TokenTexts& texts, std::string_view text) const {
    const uint64_t hash = hash_text(text);
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id >= 0 &&
           (slots_[at].tag != tag(hash) || texts[static_cast<size_t>(slots_[at].id)] != text))
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void resize(size_t expected) {
    size_t n_slots = 16;
    while (n_slots < expected * 2 + 2) n_slots *= 2;
    slots_.assign(n_slots, Slot{});
  }
  void grow(const TokenTexts& texts) {
    const std::vector<Slot> old = std::move(slots_);
    resize(old.size());
    for (const Slot& slot : old)
      if (slot.id >= 0) slots_[probe(texts, texts[static_cast<size_t>(slot.id)])] = slot;
  }

  std::vector<Slot> slots_;
  size_t n_ = 0;
};

// What merging two neighbours gives.
struct Merge {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t rank = kNone;  // lower is merged earlier; kNone: these two are never merged
  uint32_t merged = 0;    // symbol
};

// From a pair of symbols to their Merge.
class PairIndex {
 public:
  explicit PairIndex(size_t expected = 0) {
    size_t n_slots = 16;
    while (n_slots < expected * 2 + 2) n_slots *= 2;
    slots_.assign(n_slots, Slot{});
  }

  // The first Merge added for a pair stays. REQUIRES: at most `expected` pairs.
  void add(uint32_t left, uint32_t right, Merge merge) {
    Slot& slot = slots_[probe(key(left, right))];
    if (slot.key == kEmpty) slot = {key(left, right), merge};
  }
  Merge find(uint32_t left, uint32_t right) const { return slots_[probe(key(left, right))].merge; }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static uint64_t key(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  size_t probe(uint64_t wanted) const {
    size_t at = mix_bits(wanted * 0x9E3779B97F4A7C15u) & (slots_.size() - 1);
    while (slots_[at].key != kEmpty && slots_[at].key != wanted)
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace hearth::text
