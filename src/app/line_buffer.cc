#include "app/line_buffer.h"

#include <utility>

#include "app/grapheme.h"

namespace hearth::app {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

// Letters and digits; every character outside ASCII counts as a letter.
bool is_word(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || c == '_' ||
         (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

void EditBuffer::set(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

void EditBuffer::insert(std::string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
  snap();
}

void EditBuffer::snap() {
  if (cursor_ == 0 || cursor_ == text_.size()) return;
  cursor_ = next_grapheme(text_, previous_grapheme(text_, cursor_));
}

bool EditBuffer::move_to(size_t at) {
  const size_t before = std::exchange(cursor_, at);
  snap();
  return cursor_ != before;
}

bool EditBuffer::move_left() { return move_to(previous_grapheme(text_, cursor_)); }
bool EditBuffer::move_right() { return move_to(next_grapheme(text_, cursor_)); }
bool EditBuffer::move_word_left() { return move_to(word_left()); }
bool EditBuffer::move_word_right() { return move_to(word_right()); }
bool EditBuffer::move_home() { return move_to(line_begin(cursor_)); }
bool EditBuffer::move_end() { return move_to(line_end(cursor_)); }

bool EditBuffer::move_up() {
  const size_t begin = line_begin(cursor_);
  if (begin == 0) return false;
  const int column = text_columns(std::string_view(text_).substr(begin, cursor_ - begin));
  return move_to_column(line_begin(begin - 1), column);
}

bool EditBuffer::move_down() {
  const size_t begin = line_begin(cursor_);
  const size_t end = line_end(cursor_);
  if (end == text_.size()) return false;
  const int column = text_columns(std::string_view(text_).substr(begin, cursor_ - begin));
  return move_to_column(end + 1, column);
}

bool EditBuffer::move_to_column(size_t line, int column) {
  const size_t end = line_end(line);
  size_t at = line;
  int reached = 0;
  while (at < end) {
    const size_t next = next_grapheme(text_, at);
    reached += grapheme_columns(std::string_view(text_).substr(at, next - at));
    if (reached > column) break;
    at = next;
  }
  cursor_ = at;
  return true;
}

bool EditBuffer::erase_left() {
  const size_t begin = previous_grapheme(text_, cursor_);
  if (begin == cursor_) return false;
  text_.erase(begin, cursor_ - begin);
  cursor_ = begin;
  snap();
  return true;
}

bool EditBuffer::erase_right() {
  const size_t end = next_grapheme(text_, cursor_);
  if (end == cursor_) return false;
  text_.erase(cursor_, end - cursor_);
  snap();
  return true;
}

bool EditBuffer::kill_to_end() {
  const size_t end = line_end(cursor_);
  return kill(cursor_, end == cursor_ && end < text_.size() ? end + 1 : end);
}

bool EditBuffer::kill_to_start() {
  const size_t begin = line_begin(cursor_);
  return kill(begin == cursor_ && begin > 0 ? begin - 1 : begin, cursor_);
}

bool EditBuffer::kill_word_left() {
  size_t begin = cursor_;
  while (begin > 0 && is_space(text_[begin - 1])) --begin;
  while (begin > 0 && !is_space(text_[begin - 1])) --begin;
  return kill(begin, cursor_);
}

bool EditBuffer::kill_word_right() { return kill(cursor_, word_right()); }

bool EditBuffer::kill(size_t begin, size_t end) {
  if (begin == end) return false;
  killed_ = text_.substr(begin, end - begin);
  text_.erase(begin, end - begin);
  cursor_ = begin;
  snap();
  return true;
}

size_t EditBuffer::line_begin(size_t at) const {
  if (at == 0) return 0;
  const size_t found = text_.rfind('\n', at - 1);
  return found == std::string::npos ? 0 : found + 1;
}

size_t EditBuffer::line_end(size_t at) const {
  const size_t found = text_.find('\n', at);
  return found == std::string::npos ? text_.size() : found;
}

size_t EditBuffer::word_left() const {
  size_t at = cursor_;
  while (at > 0 && !is_word(text_[at - 1])) --at;
  while (at > 0 && is_word(text_[at - 1])) --at;
  return at;
}

size_t EditBuffer::word_right() const {
  size_t at = cursor_;
  while (at < text_.size() && !is_word(text_[at])) ++at;
  while (at < text_.size() && is_word(text_[at])) ++at;
  return at;
}

}  // namespace hearth::app
