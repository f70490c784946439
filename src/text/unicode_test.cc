#include "text/unicode.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "text/regex.h"
#include "text/utf8.h"

namespace hearth::text {
namespace {

// All characters for which `holds`, and that PCRE2 knows (its Unicode is older).
template <class Holds>
std::string all_chars(Holds holds) {
  std::string out;
  for (char32_t c = 1; c <= 0x10FFFF; ++c)
    if ((c < 0xD800 || c > 0xDFFF) && holds(c)) append_utf8(out, c);
  return out;
}

void expect_no_match(const std::string& text, const std::string& pattern) {
  const auto regex = Regex::compile(pattern);
  ASSERT_TRUE(regex.has_value());
  const auto match = regex->find(text, 0);
  ASSERT_TRUE(match.has_value());
  if (!match->has_value()) return;
  const Char found = char_at(text.data() + (*match)->begin, text.data() + text.size());
  ADD_FAILURE() << pattern << " matches U+" << std::hex << static_cast<uint32_t>(found.code);
}

// A second opinion on every code point, both ways.
TEST(Unicode, SetsAgreeWithPcre2) {
  struct {
    CharSet set;
    const char* name;
  } const kSets[] = {{kUpper, "Lu"}, {kLower, "Ll"},      {kTitle, "Lt"},   {kModifier, "Lm"},
                     {kOther, "Lo"}, {kMark, "M"},        {kDecimal, "Nd"}, {kPunct, "P"},
                     {kSymbol, "S"}, {kNonspacing, "Mn"}, {kHan, "sc:Han"}, {kLetter, "L"},
                     {kNumber, "N"}};
  for (const auto& [set, name] : kSets) {
    const std::string inside = all_chars([s = set](char32_t c) { return (char_set(c) & s) != 0; });
    const std::string outside = all_chars([s = set](char32_t c) { return (char_set(c) & s) == 0; });
    const std::string category = "\\p{" + std::string(name) + "}";
    expect_no_match(inside, "(?!" + category + "|\\p{Cn}).");
    expect_no_match(outside, category);
  }
}

TEST(Unicode, WhiteSpaceIsTheProperty) {
  for (const char32_t c :
       {0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x202F, 0x205F, 0x3000})
    EXPECT_TRUE(char_set(c) & kSpace) << std::hex << static_cast<uint32_t>(c);
  for (const char32_t c : {0x00, 0x1F, 0x180E, 0x200B, 0x2060, 0xFEFF})
    EXPECT_FALSE(char_set(c) & kSpace) << std::hex << static_cast<uint32_t>(c);
}

TEST(Unicode, Decomposition) {
  std::u32string out;
  append_decomposed(out, U'é');
  append_decomposed(out, U'ệ');
  append_decomposed(out, U'가');
  append_decomposed(out, U'a');
  EXPECT_EQ(out, U"e\u0301e\u0323\u0302\u1100\u1161a");
  EXPECT_EQ(to_lower(U'Ж'), U'ж');
}

// Lines "E9<tab>65 301<tab># ..".
TEST(Unicode, DecompositionsOfTheReferenceTable) {
  std::ifstream in(std::string(HEARTH_SHARED_DIR) + "/data/tokenizers/raw/unicode/nfd.tsv");
  if (!in) GTEST_SKIP() << "no shared/data/tokenizers beside the source";
  const auto codes = [](const std::string& field) {
    std::u32string out;
    std::istringstream words(field);
    for (std::string word; words >> word;)
      out.push_back(static_cast<char32_t>(std::stoul(word, nullptr, 16)));
    return out;
  };
  int n_compared = 0;
  for (std::string line; std::getline(in, line); ++n_compared) {
    std::istringstream fields(line);
    std::string from, to;
    std::getline(fields, from, '\t');
    std::getline(fields, to, '\t');
    const std::u32string given = codes(from);
    if (given.size() != 1) continue;  // several characters may need reordering, which is not ours
    std::u32string out;
    append_decomposed(out, given[0]);
    EXPECT_EQ(out, codes(to)) << line;
  }
  EXPECT_GT(n_compared, 1000);
}

TEST(Utf8, MaximalInvalidPartsBecomeOneReplacement) {
  EXPECT_EQ(to_valid_utf8("a\xE2\x82z"), "a\uFFFDz");
  EXPECT_EQ(to_valid_utf8("\xFF\xFE"), "\uFFFD\uFFFD");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"),
            "\uFFFD\uFFFD\uFFFD");  // a surrogate: no part of it begins anything
  EXPECT_EQ(to_valid_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(to_valid_utf8("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(to_valid_utf8("é我😀"), "é我😀");
}

TEST(Utf8, FilterHoldsHalfCharactersBackAndNoMore) {
  Utf8Filter filter;
  EXPECT_EQ(filter.push("\xF0"), "");
  EXPECT_EQ(filter.push("\x9F\x98"), "");
  EXPECT_EQ(filter.push("\x80"), "😀");
  EXPECT_EQ(filter.push("\xE2\x82"), "");
  EXPECT_EQ(filter.push("z"), "\uFFFDz");  // as soon as it cannot be completed
  EXPECT_EQ(filter.push("\xE2"), "");
  EXPECT_EQ(filter.flush(), "\uFFFD");
  EXPECT_EQ(filter.flush(), "");
}

}  // namespace
}  // namespace hearth::text
