#include "app/line_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/grapheme.h"

namespace hearth::app {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kPasteEnd = "\x1b[201~";
// A longer sequence is no key of any terminal; bounds what a stream of garbage can hold back.
constexpr size_t kSequenceMax = 32;
// A paste without an end is handed over in pieces of this size, so that memory stays bounded.
constexpr size_t kPasteMax = size_t{16} << 20;

struct Meaning {
  std::string_view sequence;
  KeyCode code;
};

// After "ESC [" or "ESC O". Terminals disagree on Home and End; all their forms are here. In "1;5C"
// the 5 says Ctrl, 3 Alt.
constexpr std::array kSequences = std::to_array<Meaning>({
    {"A", KeyCode::kUp},          {"B", KeyCode::kDown},
    {"C", KeyCode::kRight},       {"D", KeyCode::kLeft},
    {"H", KeyCode::kHome},        {"F", KeyCode::kEnd},
    {"1~", KeyCode::kHome},       {"7~", KeyCode::kHome},
    {"4~", KeyCode::kEnd},        {"8~", KeyCode::kEnd},
    {"3~", KeyCode::kEraseRight}, {"1;5C", KeyCode::kWordRight},
    {"1;5D", KeyCode::kWordLeft}, {"1;3C", KeyCode::kWordRight},
    {"1;3D", KeyCode::kWordLeft}, {"5C", KeyCode::kWordRight},
    {"5D", KeyCode::kWordLeft},   {"1;2A", KeyCode::kUp},
    {"1;2B", KeyCode::kDown},     {"1;2C", KeyCode::kRight},
    {"1;2D", KeyCode::kLeft},     {"3;5~", KeyCode::kKillWordRight},
    {"13;2u", KeyCode::kNewline}, {"27;2;13~", KeyCode::kNewline},
});

// One byte after ESC: with Alt.
constexpr std::array kWithAlt = std::to_array<Meaning>({
    {"b", KeyCode::kWordLeft},
    {"B", KeyCode::kWordLeft},
    {"f", KeyCode::kWordRight},
    {"F", KeyCode::kWordRight},
    {"d", KeyCode::kKillWordRight},
    {"D", KeyCode::kKillWordRight},
    {"\x7f", KeyCode::kKillWordLeft},
    {"\b", KeyCode::kKillWordLeft},
    {"\r", KeyCode::kNewline},
    {"\n", KeyCode::kNewline},
});

// One byte alone.
constexpr std::array kControls = std::to_array<Meaning>({
    {"\x01", KeyCode::kHome},        {"\x02", KeyCode::kLeft},
    {"\x03", KeyCode::kInterrupt},   {"\x04", KeyCode::kEraseOrEnd},
    {"\x05", KeyCode::kEnd},         {"\x06", KeyCode::kRight},
    {"\x07", KeyCode::kCancel},      {"\x08", KeyCode::kEraseLeft},
    {"\x09", KeyCode::kComplete},    {"\x0a", KeyCode::kSubmit},
    {"\x0b", KeyCode::kKillToEnd},   {"\x0c", KeyCode::kClearScreen},
    {"\x0d", KeyCode::kSubmit},      {"\x0e", KeyCode::kDown},
    {"\x10", KeyCode::kUp},          {"\x12", KeyCode::kSearch},
    {"\x15", KeyCode::kKillToStart}, {"\x17", KeyCode::kKillWordLeft},
    {"\x19", KeyCode::kYank},        {"\x1a", KeyCode::kSuspend},
    {"\x7f", KeyCode::kEraseLeft},
});

template <size_t N>
std::optional<Key> look_up(const std::array<Meaning, N>& table, std::string_view sequence) {
  const auto found = std::ranges::find(table, sequence, &Meaning::sequence);
  if (found == table.end()) return std::nullopt;
  return Key{found->code, {}};
}

bool is_text(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'; }

// Bytes of the character that `lead` begins; 1 for a byte that begins none.
size_t utf8_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

// The part of `text` before a character whose last bytes have not come yet.
std::string_view whole_characters(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char c = text[text.size() - back];
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;  // inside a character
    return utf8_size(c) > back ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

}  // namespace

void KeyDecoder::feed(std::string_view bytes) {
  pending_.erase(0, std::exchange(at_, 0));
  pending_ += bytes;
}

std::optional<Key> KeyDecoder::next() { return decode(false); }

std::optional<Key> KeyDecoder::next_after_pause() { return decode(true); }

std::optional<Key> KeyDecoder::decode(bool after_pause) {
  while (at_ < pending_.size()) {
    if (in_paste_) return decode_paste();
    const char first = pending_[at_];
    if (first == kEscape) {
      bool incomplete = false;
      if (auto key = decode_escape(after_pause, &incomplete)) return key;
      if (incomplete) return std::nullopt;
      continue;  // a sequence that means nothing here has been skipped, or a paste begins
    }
    if (is_text(first)) return decode_text();
    ++at_;
    if (auto key = look_up(kControls, std::string_view(&first, 1))) return key;
  }
  return std::nullopt;
}

std::optional<Key> KeyDecoder::decode_paste() {
  const std::string_view bytes = rest();
  const size_t end = bytes.find(kPasteEnd, paste_scanned_);
  if (end != std::string_view::npos) {
    Key key{KeyCode::kPaste, clean_input(bytes.substr(0, end))};
    at_ += end + kPasteEnd.size();
    in_paste_ = false;
    paste_scanned_ = 0;
    return key;
  }
  // The end may have come in part: look at those bytes again.
  paste_scanned_ = bytes.size() - std::min(bytes.size(), kPasteEnd.size() - 1);
  if (bytes.size() < kPasteMax) return std::nullopt;
  const std::string_view piece = whole_characters(bytes.substr(0, paste_scanned_));
  Key key{KeyCode::kPaste, clean_input(piece)};
  at_ += piece.size();
  paste_scanned_ = 0;
  return key;
}

// REQUIRES: rest() begins with ESC. Uses up the sequence, whether it means something or not, unless
// *incomplete.
std::optional<Key> KeyDecoder::decode_escape(bool after_pause, bool* incomplete) {
  const std::string_view bytes = rest();
  const bool introduces = bytes.size() > 1 && (bytes[1] == '[' || bytes[1] == 'O');
  size_t size = 2;
  if (introduces) {
    // CSI: parameters 0x30-0x3F, intermediates 0x20-0x2F, one final byte 0x40-0x7E.
    while (size < bytes.size() && size < kSequenceMax && bytes[size] >= 0x20 && bytes[size] < 0x40)
      ++size;
    ++size;
    if (size == 3 && bytes.size() > 2 && bytes[2] == '[')
      ++size;  // the Linux console's F1: "ESC [ [ A"
  }
  if (bytes.size() < size) {
    if (!after_pause) {
      *incomplete = true;
      return std::nullopt;
    }
    at_ = pending_.size();
    return Key{KeyCode::kCancel, {}};
  }
  if (!introduces) {
    if (bytes[1] == kEscape) {
      ++at_;
      return Key{KeyCode::kCancel, {}};
    }
    at_ += 1 + utf8_size(bytes[1]);
    at_ = std::min(at_, pending_.size());
    return look_up(kWithAlt, bytes.substr(1, 1));
  }
  const std::string_view sequence = bytes.substr(2, size - 2);
  at_ += size;
  if (sequence == "200~") {
    in_paste_ = true;
    return std::nullopt;
  }
  return look_up(kSequences, sequence);
}

std::optional<Key> KeyDecoder::decode_text() {
  std::string_view bytes = rest();
  bytes = bytes.substr(0, size_t(std::ranges::find_if_not(bytes, is_text) - bytes.begin()));
  // A character split by a control byte is broken, not unfinished.
  if (bytes.size() == rest().size()) bytes = whole_characters(bytes);
  if (bytes.empty()) return std::nullopt;
  at_ += bytes.size();
  return Key{KeyCode::kText, clean_input(bytes)};
}

}  // namespace hearth::app
