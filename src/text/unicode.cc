#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <memory>

namespace hearth::text {
namespace {

struct CodeRange {
  char32_t first;
  char32_t last;
};

// Script=Han of Unicode 15.0 (Scripts.txt); utf8proc has no scripts.
constexpr std::array kHanRanges = std::to_array<CodeRange>({
    {0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},   {0x2F00, 0x2FD5},   {0x3005, 0x3005},
    {0x3007, 0x3007},   {0x3021, 0x3029},   {0x3038, 0x303B},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xF900, 0xFA6D},   {0xFA70, 0xFAD9},   {0x16FE2, 0x16FE3},
    {0x16FF0, 0x16FF1}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B739}, {0x2B740, 0x2B81D},
    {0x2B820, 0x2CEA1}, {0x2CEB0, 0x2EBE0}, {0x2F800, 0x2FA1D}, {0x30000, 0x3134A},
    {0x31350, 0x323AF},
});

constexpr std::array kSpaceRanges = std::to_array<CodeRange>({
    {0x09, 0x0D},
    {0x20, 0x20},
    {0x85, 0x85},
    {0xA0, 0xA0},
    {0x1680, 0x1680},
    {0x2000, 0x200A},
    {0x2028, 0x2029},
    {0x202F, 0x202F},
    {0x205F, 0x205F},
    {0x3000, 0x3000},
});

CharSet category_set(char32_t code) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
      return kUpper | kWord;
    case UTF8PROC_CATEGORY_LL:
      return kLower | kWord;
    case UTF8PROC_CATEGORY_LT:
      return kTitle | kWord;
    case UTF8PROC_CATEGORY_LM:
      return kModifier | kWord;
    case UTF8PROC_CATEGORY_LO:
      return kOther | kWord;
    case UTF8PROC_CATEGORY_MN:
      return kMark | kNonspacing | kWord;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark | kWord;
    case UTF8PROC_CATEGORY_ND:
      return kDecimal | kWord;
    case UTF8PROC_CATEGORY_NL:
      return kNumberLike | kWord;
    case UTF8PROC_CATEGORY_NO:
      return kNumberLike;
    case UTF8PROC_CATEGORY_PC:
      return kPunct | kWord;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunct;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return kSymbol;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS:
      return kControlChar;
    default:
      return 0;
  }
}

using CharTable = std::array<CharSet, kCharTableSize>;

std::unique_ptr<const CharTable> make_table() {
  auto table = std::make_unique<CharTable>();
  for (char32_t code = 0; code < kCharTableSize; ++code) (*table)[code] = category_set(code);
  for (const auto [first, last] : kHanRanges)
    for (char32_t code = first; code <= last; ++code) (*table)[code] |= kHan;
  for (const auto [first, last] : kSpaceRanges)
    for (char32_t code = first; code <= last; ++code) (*table)[code] |= kSpace;
  return table;
}

}  // namespace

const CharSet* char_table() {
  static const std::unique_ptr<const CharTable> table = make_table();
  return table->data();
}

CharSet char_set(char32_t code) {
  return code < kCharTableSize ? char_table()[code] : category_set(code);
}

char32_t to_lower(char32_t code) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

void append_decomposed(std::u32string& out, char32_t code) {
  // 4 is the longest canonical decomposition there is; 18 (the longest compatibility one) leaves
  // room.
  std::array<utf8proc_int32_t, 18> parts;
  int boundary_class = 0;
  const utf8proc_ssize_t n =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), parts.data(), parts.size(),
                              UTF8PROC_DECOMPOSE, &boundary_class);
  if (n <= 0 || n > static_cast<utf8proc_ssize_t>(parts.size())) {
    out.push_back(code);
    return;
  }
  std::transform(parts.begin(), parts.begin() + n, std::back_inserter(out),
                 [](utf8proc_int32_t part) { return static_cast<char32_t>(part); });
}

}  // namespace hearth::text
