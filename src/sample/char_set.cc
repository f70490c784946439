#include "sample/char_set.h"

#include <algorithm>

namespace hearth::sample {
namespace {

constexpr uint32_t kSurrogateLo = 0xd800;
constexpr uint32_t kSurrogateHi = 0xdfff;
constexpr uint32_t kLengthEnds[] = {0x7f, 0x7ff, 0xffff, kMaxChar};  // last of 1, 2, 3, 4 bytes

std::string encode(uint32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

// lo and hi have encodings of the same length; splits until every byte position is a full range.
void split(uint32_t lo, uint32_t hi, std::vector<std::vector<ByteRange>>& out) {
  for (int i = 1; i < 4; ++i) {
    const uint32_t low_bits = (uint32_t{1} << (6 * i)) - 1;
    if ((lo & ~low_bits) == (hi & ~low_bits)) continue;
    if ((lo & low_bits) != 0) {
      split(lo, lo | low_bits, out);
      return split((lo | low_bits) + 1, hi, out);
    }
    if ((hi & low_bits) != low_bits) {
      split(lo, (hi & ~low_bits) - 1, out);
      return split(hi & ~low_bits, hi, out);
    }
  }
  const std::string a = encode(lo);
  const std::string b = encode(hi);
  std::vector<ByteRange> sequence;
  for (size_t i = 0; i < a.size(); ++i) sequence.push_back({uint8_t(a[i]), uint8_t(b[i])});
  out.push_back(std::move(sequence));
}

}  // namespace

CharSet::CharSet(std::vector<CharRange> ranges) {
  std::vector<CharRange> parts;
  for (CharRange r : ranges) {
    r.hi = std::min(r.hi, kMaxChar);
    if (r.lo > r.hi) continue;
    if (r.lo < kSurrogateLo) parts.push_back({r.lo, std::min(r.hi, kSurrogateLo - 1)});
    if (r.hi > kSurrogateHi) parts.push_back({std::max(r.lo, kSurrogateHi + 1), r.hi});
  }
  std::sort(parts.begin(), parts.end(), [](auto a, auto b) { return a.lo < b.lo; });
  for (const CharRange r : parts) {
    if (!ranges_.empty() && r.lo <= ranges_.back().hi + 1)
      ranges_.back().hi = std::max(ranges_.back().hi, r.hi);
    else
      ranges_.push_back(r);
  }
}

CharSet CharSet::all() { return CharSet({{0, kMaxChar}}); }

CharSet CharSet::complement() const {
  std::vector<CharRange> rest;
  uint32_t next = 0;
  for (const CharRange r : ranges_) {
    if (r.lo > next) rest.push_back({next, r.lo - 1});
    next = r.hi + 1;
  }
  if (next <= kMaxChar) rest.push_back({next, kMaxChar});
  return CharSet(std::move(rest));
}

CharSet CharSet::united(const CharSet& other) const {
  std::vector<CharRange> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(both));
}

std::vector<std::vector<ByteRange>> utf8_sequences(CharRange range) {
  std::vector<std::vector<ByteRange>> out;
  const CharSet set({range});
  for (const CharRange part : set.ranges()) {
    uint32_t lo = part.lo;
    for (const uint32_t end : kLengthEnds) {
      if (lo > end || lo > part.hi) continue;
      split(lo, std::min(end, part.hi), out);
      lo = end + 1;
    }
  }
  return out;
}

void append_utf8(std::string& out, uint32_t c) {
  if (c <= 0x7f) {
    out.push_back(char(c));
    return;
  }
  const int n_more = c <= 0x7ff ? 1 : c <= 0xffff ? 2 : 3;
  const uint32_t mark = n_more == 1 ? 0xc0 : n_more == 2 ? 0xe0 : 0xf0;
  out.push_back(char(mark | (c >> (6 * n_more))));
  for (int i = n_more - 1; i >= 0; --i) out.push_back(char(0x80 | ((c >> (6 * i)) & 0x3f)));
}

uint32_t next_char(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) { return uint32_t(uint8_t(text[pos + i])); };
  const uint32_t first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                                       : 4;
  if (length == 0 || first > 0xf4 || text.size() - pos < length) return kNoChar;
  uint32_t c = length == 1 ? first : first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return kNoChar;
    c = (c << 6) | (byte(i) & 0x3f);
  }
  const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (overlong || c > kMaxChar || (c >= kSurrogateLo && c <= kSurrogateHi)) return kNoChar;
  pos += length;
  return c;
}

}  // namespace hearth::sample
