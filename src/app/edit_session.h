// EditSession: one entry from its first key to Enter: the buffer, walking through the history, the
// search in it, and what all that looks like as rows of a terminal. Pure: keys in, rows out. Driven
// by LineEditor.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/line_buffer.h"
#include "app/line_history.h"
#include "app/line_keys.h"

namespace hearth::app {

struct EditOptions {
  std::string prompt = ">>> ";
  std::string next_prompt = "... ";  // before every line but the first
  std::string placeholder;           // shown while nothing is entered
  // Whether Enter must break the line instead of submitting, because the entry is unfinished; may
  // be empty.
  std::function<bool(std::string_view entry)> is_unfinished;
  // Tab: what the whole entry could become; may be empty.
  std::function<std::vector<std::string>(std::string_view entry)> complete;
};

enum class EditOutcome {
  kEditing,
  kSubmitted,
  kInterrupted,  // Ctrl-C with nothing entered
  kEnded,        // Ctrl-D with nothing entered
  kSuspend,
  kClearScreen,
};

// Rows of at most the given columns, without line breaks; the cursor's place counts from 0.
struct EditFrame {
  std::vector<std::string> rows;
  int cursor_row = 0;
  int cursor_column = 0;
};

class EditSession {
 public:
  // Both references must live as long as the session.
  EditSession(const EditOptions& options, const LineHistory& history)
      : options_(options), history_(history) {}

  EditOutcome handle(const Key& key);
  [[nodiscard]] const std::string& text() const { return buffer_.text(); }
  [[nodiscard]] size_t cursor() const { return buffer_.cursor(); }
  // REQUIRES: columns >= 1.
  [[nodiscard]] EditFrame frame(int columns) const;

 private:
  struct Search {
    std::string wanted;
    std::optional<size_t> age;  // of the entry shown; nothing while none matches
    std::string before;         // the text when the search began
  };

  EditOutcome handle_search(const Key& key);
  void show_search(size_t from);
  bool edit(const Key& key);
  void walk_history(int step);
  void submit_or_break(EditOutcome* outcome);
  void complete();

  const EditOptions& options_;
  const LineHistory& history_;
  EditBuffer buffer_;
  std::optional<size_t> age_;  // of the history entry in the buffer
  std::string draft_;          // what was being entered before walking into the history
  std::optional<Search> search_;
};

}  // namespace hearth::app
