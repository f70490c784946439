// The bytes a terminal sends -> keys as editing commands (an arrow is an escape sequence of 3 to 6
// bytes, a paste is bracketed by two of them). Called by the line editor's driver; knows no
// terminal, so tests feed it strings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::app {

enum class KeyCode {
  kText,      // `text` was typed
  kPaste,     // `text` was pasted: its line breaks do not submit
  kSubmit,    // Enter, Ctrl-J
  kNewline,   // Alt-Enter
  kComplete,  // Tab
  kLeft,
  kRight,
  kUp,             // also Ctrl-P
  kDown,           // also Ctrl-N
  kHome,           // also Ctrl-A
  kEnd,            // also Ctrl-E
  kWordLeft,       // Alt-B, Ctrl-Left, Alt-Left
  kWordRight,      // Alt-F, Ctrl-Right, Alt-Right
  kEraseLeft,      // Backspace, Ctrl-H
  kEraseRight,     // Delete
  kEraseOrEnd,     // Ctrl-D: as Delete, and the end of the input on an empty line
  kKillToEnd,      // Ctrl-K
  kKillToStart,    // Ctrl-U
  kKillWordLeft,   // Ctrl-W, Alt-Backspace
  kKillWordRight,  // Alt-D
  kYank,           // Ctrl-Y: what was killed last
  kSearch,         // Ctrl-R
  kCancel,         // Ctrl-G, Escape
  kInterrupt,      // Ctrl-C
  kSuspend,        // Ctrl-Z
  kClearScreen,    // Ctrl-L
};

struct Key {
  KeyCode code;
  std::string text;  // only of kText and kPaste; cleaned by clean_input()
};

class KeyDecoder {
 public:
  void feed(std::string_view bytes);
  // The next complete key; nothing while what is pending is only the begin of one.
  std::optional<Key> next();
  // True if pending bytes may be a lone Escape key or the begin of a sequence: only time can tell.
  [[nodiscard]] bool is_waiting() const {
    return !in_paste_ && at_ < pending_.size() && pending_[at_] == '\x1b';
  }
  // That time has passed: pending bytes will not become a longer sequence.
  std::optional<Key> next_after_pause();

 private:
  std::optional<Key> decode(bool after_pause);
  std::optional<Key> decode_paste();
  std::optional<Key> decode_escape(bool after_pause, bool* incomplete);
  std::optional<Key> decode_text();
  [[nodiscard]] std::string_view rest() const { return std::string_view(pending_).substr(at_); }

  std::string pending_;
  size_t at_ = 0;  // pending_ before this is used up
  bool in_paste_ = false;
  size_t paste_scanned_ = 0;  // of rest(): holds no end of the paste
};

}  // namespace hearth::app
