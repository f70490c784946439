// EditBuffer: the text of an entry while it is edited, and the cursor in it. Knows graphemes and
// words; knows no keys, no history and no terminal. Called by EditSession (app/line_editor.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::app {

// The text is valid UTF-8, may hold line breaks, and the cursor always stands on a grapheme
// boundary. "Line" below is the part between two line breaks. Every function that moves or erases
// returns whether it did.
class EditBuffer {
 public:
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] size_t cursor() const { return cursor_; }  // in bytes
  [[nodiscard]] bool empty() const { return text_.empty(); }

  void set(std::string text);  // the cursor goes to the end
  void insert(std::string_view text);

  bool move_left();
  bool move_right();
  bool move_word_left();
  bool move_word_right();
  bool move_home();  // of the line
  bool move_end();
  bool move_up();  // to the line above, at the same column as far as it reaches
  bool move_down();

  bool erase_left();
  bool erase_right();
  bool kill_to_end();     // of the line; at the end of a line, the line break
  bool kill_to_start();   // of the line; at the begin of a line, the line break before it
  bool kill_word_left();  // up to white space, as a shell's Ctrl-W
  bool kill_word_right();
  void yank() { insert(killed_); }

 private:
  [[nodiscard]] size_t line_begin(size_t at) const;
  [[nodiscard]] size_t line_end(size_t at) const;
  [[nodiscard]] size_t word_left() const;
  [[nodiscard]] size_t word_right() const;
  bool move_to(size_t at);
  // To the end of the cluster the cursor fell into: what stood on its two sides may have joined
  // (combining marks).
  void snap();
  bool move_to_column(size_t line, int column);
  bool kill(size_t begin, size_t end);

  std::string text_;
  size_t cursor_ = 0;
  std::string killed_;
};

}  // namespace hearth::app
