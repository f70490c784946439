#include "app/line_keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth::app {
namespace {

std::vector<Key> decode(std::initializer_list<std::string_view> pieces) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  for (const std::string_view piece : pieces) {
    decoder.feed(piece);
    while (auto key = decoder.next()) keys.push_back(*key);
  }
  return keys;
}

std::vector<KeyCode> codes(std::string_view bytes) {
  std::vector<KeyCode> found;
  for (const Key& key : decode({bytes})) found.push_back(key.code);
  return found;
}

TEST(KeyDecoder, KnowsTheFormsOfOneKey) {
  using enum KeyCode;
  EXPECT_EQ(codes("\x1b[A\x1bOA\x10"), (std::vector{kUp, kUp, kUp}));
  EXPECT_EQ(codes("\x1b[H\x1bOH\x1b[1~\x1b[7~\x01"),
            (std::vector{kHome, kHome, kHome, kHome, kHome}));
  EXPECT_EQ(codes("\x1b[F\x1bOF\x1b[4~\x1b[8~\x05"), (std::vector{kEnd, kEnd, kEnd, kEnd, kEnd}));
  EXPECT_EQ(codes("\x1b[1;5C\x1b[1;3C\x1b"
                  "f"),
            (std::vector{kWordRight, kWordRight, kWordRight}));
  EXPECT_EQ(codes("\x1b[1;5D\x1b[1;3D\x1b"
                  "b"),
            (std::vector{kWordLeft, kWordLeft, kWordLeft}));
  EXPECT_EQ(codes("\r\n"), (std::vector{kSubmit, kSubmit}));
  EXPECT_EQ(codes("\x1b\r"), (std::vector{kNewline}));
  EXPECT_EQ(codes("\x03\x04\x0b\x15\x17\x0c\x12"),
            (std::vector{kInterrupt, kEraseOrEnd, kKillToEnd, kKillToStart, kKillWordLeft,
                         kClearScreen, kSearch}));
}

TEST(KeyDecoder, SkipsKeysWithoutAMeaningWhole) {
  // F5, a mouse report, a focus event, F1 of the Linux console, Alt-x: none may leave letters
  // behind.
  EXPECT_TRUE(codes("\x1b[15~\x1b[<0;10;20M\x1b[I\x1b[[A\x1bx").empty());
}

TEST(KeyDecoder, TextComesInOnePieceAndWholeCharacters) {
  const auto keys = decode({"a\xC3", "\xA9z"});
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].text, "a");
  EXPECT_EQ(keys[1].text, "\xC3\xA9z");
}

TEST(KeyDecoder, BytesThatAreNotUtf8AreReplaced) {
  const auto keys = decode({"a\xFF\xC3z"});
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].text, "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(KeyDecoder, ASequenceInPiecesIsOneKey) {
  const auto keys = decode({"\x1b", "[", "1;", "5", "C"});
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].code, KeyCode::kWordRight);
}

TEST(KeyDecoder, OnlyTimeTellsALoneEscape) {
  KeyDecoder decoder;
  decoder.feed("\x1b");
  EXPECT_FALSE(decoder.next());
  EXPECT_TRUE(decoder.is_waiting());
  const auto key = decoder.next_after_pause();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->code, KeyCode::kCancel);
  EXPECT_FALSE(decoder.is_waiting());
}

TEST(KeyDecoder, APasteIsOneKeyHoweverItIsCut) {
  const std::string_view bytes = "\x1b[200~one\r\ntwo\x03\x1b[Athree\r\x1b[201~\r";
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    const auto keys = decode({bytes.substr(0, cut), bytes.substr(cut)});
    ASSERT_EQ(keys.size(), 2u) << cut;
    EXPECT_EQ(keys[0].code, KeyCode::kPaste);
    // Line breaks are line breaks; control characters do not reach the text.
    EXPECT_EQ(keys[0].text, "one\ntwo[Athree\n");
    EXPECT_EQ(keys[1].code, KeyCode::kSubmit);
  }
}

TEST(KeyDecoder, APasteWithoutAnEndStaysBounded) {
  KeyDecoder decoder;
  decoder.feed("\x1b[200~");
  EXPECT_FALSE(decoder.next());
  size_t received = 0;
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 40; ++i) {
    decoder.feed(piece);
    while (auto key = decoder.next()) received += key->text.size();
  }
  EXPECT_GE(received, 20u << 20);
  EXPECT_LE(received, 40u << 20);
}

TEST(KeyDecoder, GarbageAfterEscapeIsBounded) {
  KeyDecoder decoder;
  decoder.feed("\x1b[" + std::string(100, ';'));
  // The sequence is given up after a few bytes; the rest is text again.
  const auto key = decoder.next();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->code, KeyCode::kText);
}

}  // namespace
}  // namespace hearth::app
