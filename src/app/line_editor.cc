#include "app/line_editor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "app/grapheme.h"

namespace hearth::app {
namespace {

// How long a lone ESC may still be the begin of an arrow key: long enough for a slow remote line,
// short enough that Escape does not feel stuck.
constexpr int kEscapePauseMs = 50;
constexpr int kWaitForEver = -1;

constexpr std::string_view kPasteOn = "\x1b[?2004h";
constexpr std::string_view kPasteOff = "\x1b[?2004l";
constexpr std::string_view kEraseBelow = "\x1b[J";
constexpr std::string_view kEraseScreen = "\x1b[H\x1b[2J";

void write_out(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

// Moves the cursor by n in the direction of the escape sequence's final letter; n may be 0.
std::string moved(int n, char direction) {
  return n > 0 ? fmt::format("\x1b[{}{}", n, direction) : std::string();
}

}  // namespace

LineEditor::LineEditor(EditOptions options, EditorMode mode, const LineHistory& history,
                       SignalWatch& watch)
    : options_(std::move(options)), mode_(mode), history_(history), watch_(watch) {}

Entry LineEditor::read() {
  if (input_ended_) return {};
  if (mode_ == EditorMode::kKeys && !terminal_) {
    auto entered = TerminalMode::enter(InputMode::kEdit);
    if (entered)
      terminal_.emplace(std::move(*entered));
    else
      mode_ = EditorMode::kPlain;
  }
  return mode_ == EditorMode::kKeys ? read_keys() : read_plain();
}

Entry LineEditor::read_keys() {
  terminal_->set(InputMode::kEdit);
  write_out(kPasteOn);
  EditSession session(options_, history_);
  drawn_rows_ = 0;
  drawn_cursor_row_ = 0;
  draw(session);
  const EditOutcome outcome = edit(session);
  leave(session);
  write_out(kPasteOff);
  terminal_->set(InputMode::kQuiet);
  switch (outcome) {
    case EditOutcome::kSubmitted:
      return {EntryKind::kText, session.text()};
    case EditOutcome::kInterrupted:
      return {EntryKind::kInterrupted, {}};
    default:
      return {EntryKind::kEnded, {}};
  }
}

// Keys until the entry is over.
EditOutcome LineEditor::edit(EditSession& session) {
  while (true) {
    std::optional<Key> key = decoder_.next();
    if (!key) {
      // Drawn once for all keys that came together: a fast typist, an unbracketed paste.
      draw(session);
      key = wait_for_key();
      if (input_ended_) return EditOutcome::kEnded;
      if (!key) continue;
    }
    const EditOutcome outcome = session.handle(*key);
    switch (outcome) {
      case EditOutcome::kEditing:
        break;
      case EditOutcome::kClearScreen:
        write_out(kEraseScreen);
        drawn_cursor_row_ = 0;
        break;
      case EditOutcome::kSuspend:
        leave(session);
        write_out(kPasteOff);
        terminal_->suspend();
        write_out(kPasteOn);
        drawn_cursor_row_ = 0;
        break;
      default:
        draw(session);
        return outcome;
    }
  }
}

// Nothing: bytes came that are not a whole key yet, or the window has another size.
std::optional<Key> LineEditor::wait_for_key() {
  std::array<char, 4096> bytes;
  const ReadOutcome got = read_input(bytes, decoder_.is_waiting() ? kEscapePauseMs : kWaitForEver);
  switch (got.status) {
    case ReadStatus::kBytes:
      decoder_.feed({bytes.data(), got.size});
      return decoder_.next();
    case ReadStatus::kTimeout:
      return decoder_.next_after_pause();
    case ReadStatus::kEnd:
      input_ended_ = true;
      return std::nullopt;
    case ReadStatus::kSignal:
      if (!watch_.interrupted()) return std::nullopt;
      watch_.clear();
      return Key{KeyCode::kInterrupt, {}};
  }
  std::unreachable();
}

// Every row is followed by an explicit line break, so that nothing depends on how the terminal
// wraps. An entry that is higher than the window shows the part around the cursor.
void LineEditor::draw(const EditSession& session) {
  const WindowSize window = window_size();
  const EditFrame frame = session.frame(std::max(window.columns, 1));
  const int rows = int(frame.rows.size());
  const int shown = std::min(rows, std::max(window.rows, 1));
  const int first = std::clamp(frame.cursor_row - shown / 2, 0, rows - shown);

  std::string out = moved(std::min(drawn_cursor_row_, window.rows - 1), 'A');
  out += '\r';
  out += kEraseBelow;
  for (int row = first; row < first + shown; ++row) {
    if (row > first) out += "\r\n";
    out += frame.rows[size_t(row)];
  }
  drawn_rows_ = shown;
  drawn_cursor_row_ = frame.cursor_row - first;
  out += moved(shown - 1 - drawn_cursor_row_, 'A');
  out += '\r';
  out += moved(frame.cursor_column, 'C');
  write_out(out);
}

// The cursor goes below what is drawn; a placeholder disappears.
void LineEditor::leave(const EditSession& session) {
  std::string out(session.text().empty() ? kEraseBelow : std::string_view());
  out += moved(drawn_rows_ - 1 - drawn_cursor_row_, 'B');
  out += "\r\n";
  write_out(out);
}

Entry LineEditor::read_plain() {
  std::string text;
  std::string_view prompt = options_.prompt;
  while (true) {
    const auto line = read_line(prompt);
    if (!line) {
      if (!input_ended_) return {EntryKind::kInterrupted, {}};
      if (text.empty()) return {};
      return {EntryKind::kText, std::move(text)};
    }
    text += clean_input(std::string_view(*line).substr(0, line->find_last_not_of('\r') + 1));
    if (!options_.is_unfinished || !options_.is_unfinished(text))
      return {EntryKind::kText, std::move(text)};
    text += '\n';
    prompt = options_.next_prompt;
  }
}

std::optional<std::string> LineEditor::read_line(std::string_view prompt) {
  if (mode_ == EditorMode::kPlain) write_out(prompt);
  std::array<char, 4096> bytes;
  size_t searched = 0;
  while (true) {
    const size_t end = pending_bytes_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = pending_bytes_.substr(0, end);
      pending_bytes_.erase(0, end + 1);
      return line;
    }
    searched = pending_bytes_.size();
    const ReadOutcome got = read_input(bytes, kWaitForEver);
    if (got.status == ReadStatus::kBytes) pending_bytes_.append(bytes.data(), got.size);
    if (got.status == ReadStatus::kSignal && watch_.interrupted()) {
      watch_.clear();
      pending_bytes_.clear();
      if (mode_ == EditorMode::kPlain) write_out("\n");
      return std::nullopt;
    }
    if (got.status == ReadStatus::kEnd) {
      input_ended_ = true;
      if (pending_bytes_.empty()) return std::nullopt;
      return std::exchange(pending_bytes_, {});
    }
  }
}

}  // namespace hearth::app
