// Keys in, text and rows out: the editing buffer, the session and graphemes, without a terminal.
#include <gtest/gtest.h>

#include "app/edit_session.h"
#include "app/grapheme.h"
#include "app/line_buffer.h"

namespace hearth::app {
namespace {

constexpr std::string_view kFamily =  // man, woman, girl joined: one grapheme of 18 bytes
    "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7";
constexpr std::string_view kAccented = "e\xCC\x81";  // e, combining acute
constexpr std::string_view kFlag = "\xF0\x9F\x87\xAB\xF0\x9F\x87\xAE";
constexpr std::string_view kWide = "\xE6\xBC\xA2";  // a CJK ideograph

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const auto part : parts) all += part;
  return all;
}

TEST(Grapheme, WalksClustersBothWays) {
  const std::string text = concat({"a", kAccented, kFamily, kFlag, kFlag, kWide, "b"});
  std::vector<size_t> forward = {0};
  while (forward.back() < text.size()) forward.push_back(next_grapheme(text, forward.back()));
  EXPECT_EQ(forward.size(), 8u);
  for (size_t i = forward.size() - 1; i > 0; --i)
    EXPECT_EQ(previous_grapheme(text, forward[i]), forward[i - 1]);
}

TEST(Grapheme, Columns) {
  EXPECT_EQ(text_columns("abc"), 3);
  EXPECT_EQ(text_columns(kAccented), 1);
  EXPECT_EQ(text_columns(kWide), 2);
  EXPECT_EQ(text_columns(kFamily), 2);
  EXPECT_EQ(text_columns(kFlag), 2);
  EXPECT_EQ(text_columns(""), 0);
}

TEST(Grapheme, CleanInput) {
  EXPECT_EQ(clean_input("a\r\nb\rc\nd\te"), "a\nb\nc\nd\te");
  EXPECT_EQ(clean_input("a\x1b[31mb\x07"), "a[31mb");
  EXPECT_EQ(clean_input("\xC2\x9B"
                        "31m"),
            "31m");  // the one-character form of ESC [
  EXPECT_EQ(clean_input("\xED\xA0\x80"
                        "x"),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx");  // a surrogate
}

// What a person types, byte by byte as a terminal sends it.
class EditTest : public testing::Test {
 protected:
  EditOutcome type(std::string_view bytes) {
    decoder_.feed(bytes);
    EditOutcome outcome = EditOutcome::kEditing;
    while (auto key = decoder_.next()) outcome = session_.handle(*key);
    return outcome;
  }
  // The text with a '|' where the cursor is.
  [[nodiscard]] std::string shown() const {
    std::string text = session_.text();
    return text.insert(session_.cursor(), "|");
  }

  EditOptions options_;
  LineHistory history_;
  KeyDecoder decoder_;
  EditSession session_{options_, history_};
};

TEST_F(EditTest, MovesAndInserts) {
  type("hello world\x1b[D\x1b[D");
  EXPECT_EQ(shown(), "hello wor|ld");
  type("\x01>\x05<");
  EXPECT_EQ(shown(), ">hello world<|");
  type(
      "\x1b"
      "b\x1b"
      "b");
  EXPECT_EQ(shown(), ">|hello world<");
  type(
      "\x1b"
      "f");
  EXPECT_EQ(shown(), ">hello| world<");
  EXPECT_EQ(type("\r"), EditOutcome::kSubmitted);
  EXPECT_EQ(session_.text(), ">hello world<");
}

TEST_F(EditTest, Kills) {
  type("one two-three four");
  type("\x17");
  EXPECT_EQ(shown(), "one two-three |");
  type("\x17");
  EXPECT_EQ(shown(), "one |");
  type("\x15");
  EXPECT_EQ(shown(), "|");
  type("\x19");
  EXPECT_EQ(shown(), "one |");
  type(
      "\x01\x1b"
      "d");
  EXPECT_EQ(shown(), "| ");
  type("abc\x01\x0b");
  EXPECT_EQ(shown(), "|");
}

TEST_F(EditTest, OneKeyActsOnOneGrapheme) {
  type(concat({"x", kFamily, kAccented, "y"}));
  type("\x1b[D\x1b[D\x1b[D");
  EXPECT_EQ(shown(), concat({"x|", kFamily, kAccented, "y"}));
  type("\x1b[3~");
  EXPECT_EQ(shown(), concat({"x|", kAccented, "y"}));
  type("\x1b[C\x7f");
  EXPECT_EQ(shown(), "x|y");
}

TEST_F(EditTest, TheCursorNeverStandsInsideACluster) {
  type(concat({"ab\x1b\r", "\xCC\x81", "c"}));  // a line that begins with a combining mark
  type("\x01\x7f");                             // joins it with the b before it
  EXPECT_EQ(shown(), "ab\xCC\x81|c");
  type("\x7f");
  EXPECT_EQ(shown(), "a|c");
}

TEST_F(EditTest, CtrlCClearsThenInterrupts) {
  type("half a thought");
  EXPECT_EQ(type("\x03"), EditOutcome::kEditing);
  EXPECT_EQ(shown(), "|");
  EXPECT_EQ(type("\x03"), EditOutcome::kInterrupted);
}

TEST_F(EditTest, CtrlDErasesOrEnds) {
  type("ab\x01");
  EXPECT_EQ(type("\x04"), EditOutcome::kEditing);
  EXPECT_EQ(shown(), "|b");
  type("\x04");
  EXPECT_EQ(type("\x04"), EditOutcome::kEnded);
}

TEST_F(EditTest, APastedLineBreakDoesNotSubmit) {
  EXPECT_EQ(type("see: \x1b[200~a\rb\n\x1b[201~"), EditOutcome::kEditing);
  EXPECT_EQ(shown(), "see: a\nb\n|");
  EXPECT_EQ(type("\r"), EditOutcome::kSubmitted);
}

TEST_F(EditTest, UnfinishedEntriesGoOn) {
  options_.is_unfinished = [](std::string_view text) { return !text.ends_with("."); };
  EXPECT_EQ(type("one\r"), EditOutcome::kEditing);
  EXPECT_EQ(type("two.\r"), EditOutcome::kSubmitted);
  EXPECT_EQ(session_.text(), "one\ntwo.");
}

TEST_F(EditTest, ArrowsWalkLinesThenHistory) {
  ASSERT_TRUE(history_.add("first"));
  ASSERT_TRUE(history_.add("second"));
  type("draft\x1b[A");
  EXPECT_EQ(shown(), "second|");
  type("\x1b[A\x1b[A");
  EXPECT_EQ(shown(), "first|");
  type("\x1b[B\x1b[B");
  EXPECT_EQ(shown(), "draft|");
  type("\x1b\rlonger line\x1b[A");
  EXPECT_EQ(shown(), "draft|\nlonger line");
  type("\x1b[D\x1b[D\x1b[B");
  EXPECT_EQ(shown(), "draft\nlon|ger line");
}

TEST_F(EditTest, SearchFindsOlderAndOlder) {
  for (const char* entry : {"tell me a story", "sum of 1 and 2", "a story of bears", "bye"})
    ASSERT_TRUE(history_.add(entry));
  type("draft\x12story");
  EXPECT_EQ(session_.text(), "a story of bears");
  EXPECT_EQ(session_.frame(80).rows[0], "(search) story: a story of bears");
  type("\x12");
  EXPECT_EQ(session_.text(), "tell me a story");
  type("\x12");  // no older one
  EXPECT_EQ(session_.text(), "tell me a story");
  EXPECT_EQ(type("\r"), EditOutcome::kSubmitted);
  EXPECT_EQ(session_.text(), "tell me a story");
}

TEST_F(EditTest, SearchCanBeGivenUp) {
  ASSERT_TRUE(history_.add("a story"));
  type("draft\x12story\x07");
  EXPECT_EQ(shown(), "draft|");
  type("\x12nowhere");
  EXPECT_EQ(session_.text(), "draft");
  EXPECT_TRUE(session_.frame(80).rows[0].starts_with("(nothing found) nowhere"));
  type("\x03");
  EXPECT_EQ(shown(), "draft|");
}

TEST_F(EditTest, SearchEndsWithTheNextKey) {
  ASSERT_TRUE(history_.add("a story"));
  type("\x12story\x01very ");
  EXPECT_EQ(shown(), "very |a story");
}

TEST_F(EditTest, TabCompletesWhatAllCandidatesShare) {
  options_.complete = [](std::string_view text) {
    std::vector<std::string> found;
    for (const char* word : {"/set", "/show"})
      if (std::string_view(word).starts_with(text)) found.emplace_back(word);
    return found;
  };
  type("/\t");
  EXPECT_EQ(shown(), "/s|");
  type("h\t");
  EXPECT_EQ(shown(), "/show|");
  type("x\t");
  EXPECT_EQ(shown(), "/showx|");
}

TEST_F(EditTest, RowsWrapAtTheWindow) {
  type("abcdef");
  const EditFrame frame = session_.frame(6);  // ">>> " takes four columns
  EXPECT_EQ(frame.rows, (std::vector<std::string>{">>> ab", "cdef"}));
  EXPECT_EQ(frame.cursor_row, 1);
  EXPECT_EQ(frame.cursor_column, 4);
}

TEST_F(EditTest, AFullRowPutsTheCursorOnTheNext) {
  type("ab");
  const EditFrame frame = session_.frame(6);
  EXPECT_EQ(frame.rows, (std::vector<std::string>{">>> ab", ""}));
  EXPECT_EQ(frame.cursor_row, 1);
  EXPECT_EQ(frame.cursor_column, 0);
}

TEST_F(EditTest, AWideCharacterIsNotSplit) {
  type(concat({"a", kWide, "b\x1b[D"}));
  const EditFrame frame = session_.frame(6);
  EXPECT_EQ(frame.rows, (std::vector<std::string>{">>> a", concat({kWide, "b"})}));
  EXPECT_EQ(frame.cursor_row, 1);
  EXPECT_EQ(frame.cursor_column, 2);
}

TEST_F(EditTest, LinesHaveTheirOwnPrompt) {
  type("a\x1b\rb\x1b[A");
  const EditFrame frame = session_.frame(20);
  EXPECT_EQ(frame.rows, (std::vector<std::string>{">>> a", "... b"}));
  EXPECT_EQ(frame.cursor_row, 0);
  EXPECT_EQ(frame.cursor_column, 5);
}

TEST_F(EditTest, ThePlaceholderTakesNoPlace) {
  options_.placeholder = "type here";
  EditFrame frame = session_.frame(40);
  EXPECT_NE(frame.rows[0].find("type here"), std::string::npos);
  EXPECT_EQ(frame.cursor_column, 4);
  frame = session_.frame(10);  // no room
  EXPECT_EQ(frame.rows[0], ">>> ");
  type("x");
  EXPECT_EQ(session_.frame(40).rows[0], ">>> x");
}

TEST_F(EditTest, OneColumnIsEnough) {
  type(concat({"a", kWide, "\x1b\r\t"}));
  const EditFrame frame = session_.frame(1);
  EXPECT_GE(frame.rows.size(), 8u);
  EXPECT_LT(size_t(frame.cursor_row), frame.rows.size());
}

}  // namespace
}  // namespace hearth::app
