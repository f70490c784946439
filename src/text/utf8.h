// UTF-8, byte by byte and without trust: one step of decoding, and a filter that turns any bytes,
// in pieces of any size, into valid UTF-8. Used by the whole room; knows nothing of tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

inline constexpr char32_t kReplacement = 0xFFFD;

enum class Utf8Status : uint8_t {
  kValid,       // `length` bytes are one character
  kInvalid,     // `length` bytes can never be one: a "maximal subpart", which one U+FFFD replaces
  kIncomplete,  // all `length` bytes that are left could begin one
};

struct Utf8Step {
  char32_t code;
  uint8_t length;
  Utf8Status status;
};

// Reads the front of [p, end). REQUIRES: p < end. Refuses overlong forms, surrogates and values
// above U+10FFFF.
inline Utf8Step utf8_step(const char* p, const char* end) {
  const auto byte = [p](int i) { return static_cast<uint8_t>(p[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, Utf8Status::kValid};
  if (first < 0xC2 || first > 0xF4) return {kReplacement, 1, Utf8Status::kInvalid};
  const int length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // Only the second byte has limits that depend on the first.
  uint8_t low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  char32_t code = first & (0xFF >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if (p + i == end) return {kReplacement, static_cast<uint8_t>(i), Utf8Status::kIncomplete};
    if (byte(i) < low || byte(i) > high)
      return {kReplacement, static_cast<uint8_t>(i), Utf8Status::kInvalid};
    code = code << 6 | (byte(i) & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {code, static_cast<uint8_t>(length), Utf8Status::kValid};
}

// One character of a text that is to be tokenized, where each byte that belongs to no character
// stands for itself.
struct Char {
  char32_t code;    // kReplacement for such a byte
  uint32_t length;  // in bytes; 1 for such a byte
};

inline Char char_at(const char* p, const char* end) {
  if (static_cast<uint8_t>(*p) < 0x80) return {static_cast<uint8_t>(*p), 1};
  const Utf8Step step = utf8_step(p, end);
  return {step.code, step.status == Utf8Status::kValid ? step.length : 1u};
}

// REQUIRES: code <= U+10FFFF and not a surrogate.
inline void append_utf8(std::string& out, char32_t code) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)),
        put(0x80 | (code & 0x3F));
  }
}

// Bytes in, whole characters out. Holds at most 3 bytes back, until they are a character or can no
// longer become one.
class Utf8Filter {
 public:
  // What is certain after these bytes; each maximal invalid part becomes one U+FFFD.
  std::string push(std::string_view bytes);
  // The end of the text: a character that was begun becomes one U+FFFD. Ready for a new text after
  // it.
  std::string flush();

 private:
  std::string held_;
};

// The text with every invalid part replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

}  // namespace hearth::text
