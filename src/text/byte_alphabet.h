// GPT-2's byte alphabet: how byte-level BPE vocabularies write arbitrary bytes as printable text.
// The 188 printable bytes of Latin-1 stand for themselves, the other 68 for U+0100, U+0101, ... in
// order (a space is U+0120).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

// The character of each byte.
const std::array<char32_t, 256>& byte_alphabet();

// The bytes that `token` writes; nullopt if it has other characters (special tokens do).
std::optional<std::string> decode_byte_alphabet(std::string_view token);

std::string encode_byte_alphabet(std::string_view bytes);

}  // namespace hearth::text
