// LineEditor: asks a person for one entry at a time: on a terminal with editing (EditSession), else
// plain lines. Called by the chat loop. Keeps the terminal in single-key mode from its first entry
// until it is destroyed, so that what is typed while an answer runs is not echoed into it and comes
// with the next entry.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/edit_session.h"
#include "app/line_history.h"
#include "app/line_keys.h"
#include "base/terminal.h"

namespace hearth::app {

enum class EntryKind {
  kText,
  kInterrupted,  // Ctrl-C with nothing entered
  kEnded,        // Ctrl-D, or the end of the input
};

struct Entry {
  EntryKind kind = EntryKind::kEnded;
  std::string text;  // only of kText: valid UTF-8, "\n" between lines, without the last one
};

enum class EditorMode {
  kKeys,    // single keys, on a terminal that understands escape sequences
  kPlain,   // lines as the system delivers them, with a prompt
  kSilent,  // lines, without a prompt: standard input is not a terminal
};

class LineEditor {
 public:
  // The history and the watch must outlive the editor.
  LineEditor(EditOptions options, EditorMode mode, const LineHistory& history, SignalWatch& watch);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Waits for a whole entry. In plain modes an entry goes on over further lines while
  // options.is_unfinished says so.
  Entry read();

 private:
  Entry read_keys();
  EditOutcome edit(EditSession& session);
  std::optional<Key> wait_for_key();
  void draw(const EditSession& session);
  void leave(const EditSession& session);
  Entry read_plain();
  // The next line, or nothing at the end of the input or after Ctrl-C.
  std::optional<std::string> read_line(std::string_view prompt);

  EditOptions options_;
  EditorMode mode_;
  const LineHistory& history_;
  SignalWatch& watch_;
  std::optional<TerminalMode> terminal_;
  KeyDecoder decoder_;
  bool input_ended_ = false;
  int drawn_rows_ = 0;         // of the frame on the screen
  int drawn_cursor_row_ = 0;   // the row of it that the cursor is in
  std::string pending_bytes_;  // plain modes: read, but not yet a whole line
};

}  // namespace hearth::app
