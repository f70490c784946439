// Every pre-tokenizer's scanners against PCRE2 on the expressions themselves, over random texts of
// awkward characters.
#include "text/scanners.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/regex.h"

namespace hearth::text {
namespace {

using Strings = std::vector<std::string>;

Strings pieces_of(const PreSplitter& splitter, std::string_view text) {
  Strings pieces;
  const auto done =
      splitter.split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_TRUE(done.has_value());
  return pieces;
}

// The same steps, all by PCRE2.
PreSplitter regex_splitter(const PreTokenizer& pre, std::vector<PreStep>& steps) {
  for (const PreStep& step : pre.steps) steps.push_back({step.regex, nullptr});
  PreTokenizer by_regex = pre;
  by_regex.steps = steps;
  auto splitter = PreSplitter::create(by_regex);
  if (!splitter) throw std::runtime_error(splitter.error().message);
  return std::move(*splitter);
}

PreSplitter scan_splitter(const PreTokenizer& pre) {
  auto splitter = PreSplitter::create(pre);
  if (!splitter) throw std::runtime_error(splitter.error().message);
  return std::move(*splitter);
}

class TextMaker {
 public:
  explicit TextMaker(uint32_t seed) : random_(seed) {}

  std::string text() {
    std::string out;
    const int n = pick(30);
    for (int i = 0; i < n; ++i) {
      const std::string_view item =
          kItems[static_cast<size_t>(pick(static_cast<int>(kItems.size())))];
      const int times = pick(5) == 0 ? 1 + pick(8) : 1;
      for (int k = 0; k < times; ++k) out += item;
    }
    return out;
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  static constexpr std::string_view kFixed[] = {"a",
                                                "b",
                                                "s",
                                                "t",
                                                "re",
                                                "ll",
                                                "ve",
                                                "m",
                                                "d",
                                                "A",
                                                "B",
                                                "S",
                                                "T",
                                                "LL",
                                                "é",
                                                "É",
                                                "ж",
                                                "Ж",
                                                "ǅ",
                                                "ʰ",
                                                "ª",
                                                "あ",
                                                "ア",
                                                "ー",
                                                "א",
                                                "ก",
                                                "ກ",
                                                "က",
                                                "ក",
                                                "가",
                                                "ㄱ",
                                                "ㅏ",
                                                "ㄅ",
                                                "Ꭰ",
                                                "ꭰ",
                                                "\u017F",
                                                "\u212A",
                                                "ß",
                                                "ﬀ",
                                                "\u0301",
                                                "\u0903",
                                                "\u20DD",
                                                "\u3099",
                                                "0",
                                                "1",
                                                "23",
                                                "456",
                                                "7890",
                                                "\u0663",
                                                "\u0967",
                                                "Ⅷ",
                                                "½",
                                                "²",
                                                " ",
                                                " ",
                                                "  ",
                                                "\t",
                                                "\n",
                                                "\r",
                                                "\r\n",
                                                "\n\n",
                                                "\u00A0",
                                                "\u3000",
                                                "\u2028",
                                                "\u0085",
                                                "\u000B",
                                                "\u1680",
                                                "'",
                                                "'",
                                                "’",
                                                "!",
                                                "\"",
                                                "#",
                                                "$",
                                                "%",
                                                "(",
                                                ")",
                                                "*",
                                                "+",
                                                ",",
                                                "-",
                                                ".",
                                                "/",
                                                "/",
                                                ":",
                                                "<",
                                                "=",
                                                ">",
                                                "?",
                                                "@",
                                                "[",
                                                "\\",
                                                "]",
                                                "^",
                                                "_",
                                                "`",
                                                "{",
                                                "|",
                                                "}",
                                                "~",
                                                "。",
                                                "、",
                                                "！",
                                                "，",
                                                "…",
                                                "“",
                                                "‿",
                                                "۔",
                                                "،",
                                                "।",
                                                "€",
                                                "😀",
                                                "👍🏽",
                                                "\u200D",
                                                "\uFEFF",
                                                "\x01",
                                                "\x7F",
                                                "我",
                                                "想",
                                                "々",
                                                "〇",
                                                "〡",
                                                "⺀",
                                                "一",
                                                "龥",
                                                "鿿",
                                                "𠀀",
                                                "豈",
                                                "\uFFFD",
                                                "\uE000",
                                                "'s",
                                                "'S",
                                                "'re",
                                                "'LL",
                                                "'\u017F",
                                                "IMGIMGABZ",
                                                "<sentinel:12>"};
  std::vector<std::string_view> kItems{std::begin(kFixed), std::end(kFixed)};
  std::mt19937 random_;
};

class EveryPreTokenizer : public testing::TestWithParam<std::string_view> {};

TEST_P(EveryPreTokenizer, ScansAsItsExpressionsMatch) {
  const PreTokenizer& pre = *find_pre_tokenizer(GetParam());
  std::vector<PreStep> steps;
  const PreSplitter by_regex = regex_splitter(pre, steps);
  const PreSplitter by_scan = scan_splitter(pre);
  TextMaker maker(20260822);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = maker.text();
    const Strings expected = pieces_of(by_regex, text);
    ASSERT_EQ(pieces_of(by_scan, text), expected) << "in: " << testing::PrintToString(text);
  }
}

// One name for each list of steps.
std::vector<std::string_view> distinct_names() {
  std::vector<std::string_view> names;
  std::vector<const PreStep*> seen;
  for (const PreTokenizer& pre : pre_tokenizers()) {
    if (std::ranges::find(seen, pre.steps.data()) != seen.end()) continue;
    seen.push_back(pre.steps.data());
    names.push_back(pre.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Scanners, EveryPreTokenizer, testing::ValuesIn(distinct_names()),
                         [](const auto& param) {
                           std::string name(param.param);
                           std::ranges::replace_if(
                               name, [](char c) { return !isalnum(static_cast<unsigned char>(c)); },
                               '_');
                           return name;
                         });

// A byte that is no UTF-8 is cut as U+FFFD is, and stays the byte it was.
TEST(Scanners, InvalidBytesCountAsReplacementCharacters) {
  const std::string_view bad[] = {"\xFF", "\x80", "\xC0", "\xED", "\xF8"};
  std::mt19937 random(7);
  for (const std::string_view name :
       {"llama-bpe", "gpt-4o", "deepseek-v3", "default", "qwen35", "afmoe"}) {
    const PreSplitter splitter = scan_splitter(*find_pre_tokenizer(name));
    for (int i = 0; i < 300; ++i) {
      std::string with_bad, with_replacement;
      std::vector<size_t> lengths;  // how far each byte of with_bad is in with_replacement
      TextMaker maker(static_cast<uint32_t>(random()));
      for (int k = 0; k < 4; ++k) {
        const std::string good = maker.text() + "x";
        const std::string_view byte = bad[random() % std::size(bad)];
        with_bad += good, with_replacement += good;
        with_bad += byte, with_replacement += "\xEF\xBF\xBD";
        with_bad += "y", with_replacement += "y";
      }
      const Strings pieces = pieces_of(splitter, with_bad);
      std::string joined;
      Strings mended;
      for (const std::string& piece : pieces) {
        joined += piece;
        mended.push_back(to_valid_utf8(piece));
      }
      ASSERT_EQ(joined, with_bad);
      ASSERT_EQ(mended, pieces_of(splitter, with_replacement)) << name;
    }
  }
}

// Runs as long as a careless scanner would take hours for, and a recursive one crash on.
TEST(Scanners, LongRunsAreCutInLinearTime) {
  for (const std::string_view name : distinct_names()) {
    const PreSplitter splitter = scan_splitter(*find_pre_tokenizer(name));
    for (const std::string_view unit :
         {"a", "A", " ", "\n", "7", "!", "\xFF", "我", "\u0301", "'", "א", "aA", " \n", "1,"}) {
      std::string text;
      while (text.size() < 300000) text += unit;
      size_t total = 0;
      const auto done = splitter.split(text, [&](std::string_view piece) {
        ASSERT_FALSE(piece.empty());
        total += piece.size();
      });
      ASSERT_TRUE(done.has_value());
      EXPECT_EQ(total, text.size()) << name;
    }
  }
}

TEST(Scanners, DigitsInGroupsFromTheRight) {
  const auto groups = [](std::string_view name, std::string_view text) {
    return pieces_of(scan_splitter(*find_pre_tokenizer(name)), text);
  };
  EXPECT_EQ(groups("afmoe", "1234567"), (Strings{"1", "234", "567"}));
  EXPECT_EQ(groups("tiny_aya", "1234567"), (Strings{"1", "234", "567"}));
  EXPECT_EQ(groups("tiny_aya", "1234abc"), (Strings{"123", "4", "abc"}));
  EXPECT_EQ(groups("superbpe", "12345"), (Strings{"12", "345"}));
  EXPECT_EQ(groups("llama-bpe", "1234567"), (Strings{"123", "456", "7"}));
}

TEST(Regex, ReportsABadPattern) {
  const auto regex = Regex::compile("a(b");
  ASSERT_FALSE(regex.has_value());
  EXPECT_EQ(regex.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::text
