#include "base/printable.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Printable, KeepsOrdinaryTextOfAnyScript) {
  EXPECT_EQ(printable("blk.0.attn_q.weight"), "blk.0.attn_q.weight");
  EXPECT_EQ(printable("\u2581h\u00e9\u4e16\U0001f600"), "\u2581h\u00e9\u4e16\U0001f600");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable(std::string_view("a\0b\n\t\r\x7f", 7)), "a\\x00b\\n\\t\\r\\x7f");
  EXPECT_EQ(printable("\u009b31m"), "\\u009b31m");  // the one-character form of ESC [
  EXPECT_EQ(printable("abc\u202egnp.exe"), "abc\\u202egnp.exe");
}

TEST(Printable, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("\xff\xfe\x80"), "\\xff\\xfe\\x80");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong '/'
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("x\xe2\x96"), "x\\xe2\\x96");                  // cut
}

TEST(Printable, CutsBetweenCharacters) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdef", 4), "abcd...");
  EXPECT_EQ(printable("a\u2581"
                      "b",
                      3),
            "a...");
}

TEST(Printable, LinesStayLines) { EXPECT_EQ(printable_lines("a\n\tb\x1b"), "a\n\tb\\x1b"); }

}  // namespace
}  // namespace hearth
