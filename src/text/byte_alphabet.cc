#include "text/byte_alphabet.h"

#include "text/utf8.h"

namespace hearth::text {
namespace {

constexpr bool is_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> kAlphabet = [] {
  std::array<char32_t, 256> out{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const auto at = static_cast<size_t>(byte);
    out[at] = is_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return out;
}();

// From a character to its byte; -1: not of the alphabet.
constexpr std::array<int16_t, 0x144> kBytes = [] {
  std::array<int16_t, 0x144> out{};
  out.fill(-1);
  for (size_t byte = 0; byte < 256; ++byte) out[kAlphabet[byte]] = static_cast<int16_t>(byte);
  return out;
}();

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() { return kAlphabet; }

std::optional<std::string> decode_byte_alphabet(std::string_view token) {
  std::string out;
  const char* p = token.data();
  const char* const end = p + token.size();
  while (p < end) {
    const Char c = char_at(p, end);
    if (c.code >= kBytes.size() || kBytes[c.code] < 0) return std::nullopt;
    out.push_back(static_cast<char>(kBytes[c.code]));
    p += c.length;
  }
  return out;
}

std::string encode_byte_alphabet(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) append_utf8(out, kAlphabet[static_cast<uint8_t>(byte)]);
  return out;
}

}  // namespace hearth::text
