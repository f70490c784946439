#include "app/edit_session.h"

#include <algorithm>

#include "app/grapheme.h"

namespace hearth::app {
namespace {

constexpr int kTabColumns = 4;
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kNormal = "\x1b[0m";

// Fills rows from left to right and notes where the cursor comes to stand.
class RowWriter {
 public:
  RowWriter(int columns, EditFrame& frame) : columns_(columns), frame_(frame) {
    frame_.rows.emplace_back();
  }

  void put(std::string_view cells, int width) {
    if (column_ + width > columns_) break_row();
    frame_.rows.back() += cells;
    column_ += width;
  }

  void put_text(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = next_grapheme(text, at);
      const std::string_view cluster = text.substr(at, end - at);
      if (cluster == "\t")
        put(std::string(kTabColumns, ' '), std::min(kTabColumns, columns_));
      else
        put(cluster, grapheme_columns(cluster));
      at = end;
    }
  }

  void break_row() {
    frame_.rows.emplace_back();
    column_ = 0;
  }

  void mark_cursor() {
    // After a full row the cursor stands where the next character would go.
    if (column_ >= columns_) break_row();
    frame_.cursor_row = int(frame_.rows.size()) - 1;
    frame_.cursor_column = column_;
  }

 private:
  int columns_;
  int column_ = 0;
  EditFrame& frame_;
};

// The longest text that all candidates begin with.
std::string common_prefix(const std::vector<std::string>& candidates) {
  std::string prefix = candidates.front();
  for (const std::string& candidate : candidates) {
    const auto differs = std::ranges::mismatch(prefix, candidate);
    prefix.erase(differs.in1, prefix.end());
  }
  return prefix;
}

}  // namespace

EditOutcome EditSession::handle(const Key& key) {
  if (search_) return handle_search(key);
  EditOutcome outcome = EditOutcome::kEditing;
  switch (key.code) {
    case KeyCode::kSubmit:
      submit_or_break(&outcome);
      return outcome;
    case KeyCode::kInterrupt:
      if (buffer_.empty()) return EditOutcome::kInterrupted;
      buffer_.set("");
      age_.reset();
      return outcome;
    case KeyCode::kEraseOrEnd:
      if (buffer_.empty()) return EditOutcome::kEnded;
      buffer_.erase_right();
      return outcome;
    case KeyCode::kSuspend:
      return EditOutcome::kSuspend;
    case KeyCode::kClearScreen:
      return EditOutcome::kClearScreen;
    case KeyCode::kSearch:
      search_ = Search{{}, {}, buffer_.text()};
      return outcome;
    case KeyCode::kComplete:
      complete();
      return outcome;
    case KeyCode::kUp:
      if (!buffer_.move_up()) walk_history(+1);
      return outcome;
    case KeyCode::kDown:
      if (!buffer_.move_down()) walk_history(-1);
      return outcome;
    default:
      edit(key);
      return outcome;
  }
}

// Keys that act on the buffer alone. Returns whether it changed.
bool EditSession::edit(const Key& key) {
  switch (key.code) {
    case KeyCode::kText:
    case KeyCode::kPaste:
      buffer_.insert(key.text);
      return true;
    case KeyCode::kNewline:
      buffer_.insert("\n");
      return true;
    case KeyCode::kLeft:
      return buffer_.move_left();
    case KeyCode::kRight:
      return buffer_.move_right();
    case KeyCode::kHome:
      return buffer_.move_home();
    case KeyCode::kEnd:
      return buffer_.move_end();
    case KeyCode::kWordLeft:
      return buffer_.move_word_left();
    case KeyCode::kWordRight:
      return buffer_.move_word_right();
    case KeyCode::kEraseLeft:
      return buffer_.erase_left();
    case KeyCode::kEraseRight:
      return buffer_.erase_right();
    case KeyCode::kKillToEnd:
      return buffer_.kill_to_end();
    case KeyCode::kKillToStart:
      return buffer_.kill_to_start();
    case KeyCode::kKillWordLeft:
      return buffer_.kill_word_left();
    case KeyCode::kKillWordRight:
      return buffer_.kill_word_right();
    case KeyCode::kYank:
      buffer_.yank();
      return true;
    default:
      return false;
  }
}

void EditSession::submit_or_break(EditOutcome* outcome) {
  if (options_.is_unfinished && options_.is_unfinished(buffer_.text()))
    buffer_.insert("\n");
  else
    *outcome = EditOutcome::kSubmitted;
}

// step +1: an older entry, -1: a younger one, at last what was being entered.
void EditSession::walk_history(int step) {
  const size_t places = age_ ? *age_ + 1 : 0;  // 0: the draft
  if (step < 0 ? places == 0 : places == history_.size()) return;
  if (places == 0) draft_ = buffer_.text();
  const size_t target = step < 0 ? places - 1 : places + 1;
  if (target == 0) {
    age_.reset();
    buffer_.set(draft_);
  } else {
    age_ = target - 1;
    buffer_.set(history_.at_age(*age_));
  }
}

EditOutcome EditSession::handle_search(const Key& key) {
  switch (key.code) {
    case KeyCode::kText:
    case KeyCode::kPaste:
      search_->wanted += key.text;
      show_search(search_->age.value_or(0));
      return EditOutcome::kEditing;
    case KeyCode::kEraseLeft:
      search_->wanted.erase(previous_grapheme(search_->wanted, search_->wanted.size()));
      show_search(0);
      return EditOutcome::kEditing;
    case KeyCode::kSearch:
      show_search(search_->age ? *search_->age + 1 : 0);
      return EditOutcome::kEditing;
    case KeyCode::kCancel:
    case KeyCode::kInterrupt:
      buffer_.set(search_->before);
      search_.reset();
      return EditOutcome::kEditing;
    default:
      // Any other key takes what was found and then does what it always does.
      if (search_->age) {
        age_ = search_->age;
        draft_ = search_->before;
      }
      search_.reset();
      return handle(key);
  }
}

void EditSession::show_search(size_t from) {
  if (search_->wanted.empty()) {
    search_->age.reset();
    buffer_.set(search_->before);
    return;
  }
  const auto found = history_.find(search_->wanted, from);
  // Ctrl-R past the last match keeps that match.
  if (!found && search_->age &&
      history_.at_age(*search_->age).find(search_->wanted) != std::string::npos)
    return;
  search_->age = found;
  buffer_.set(found ? history_.at_age(*found) : search_->before);
}

void EditSession::complete() {
  if (!options_.complete || buffer_.cursor() != buffer_.text().size()) return;
  const std::vector<std::string> candidates = options_.complete(buffer_.text());
  if (candidates.empty()) return;
  std::string text = common_prefix(candidates);
  if (text.size() > buffer_.text().size()) buffer_.set(std::move(text));
}

EditFrame EditSession::frame(int columns) const {
  EditFrame frame;
  RowWriter rows(columns, frame);
  if (search_)
    rows.put_text((search_->age || search_->wanted.empty() ? "(search) " : "(nothing found) ") +
                  search_->wanted + ": ");
  else
    rows.put_text(options_.prompt);

  const std::string_view text = buffer_.text();
  size_t at = 0;
  while (true) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (buffer_.cursor() >= at && buffer_.cursor() <= end) {
      rows.put_text(text.substr(at, buffer_.cursor() - at));
      rows.mark_cursor();
      rows.put_text(text.substr(buffer_.cursor(), end - buffer_.cursor()));
    } else {
      rows.put_text(text.substr(at, end - at));
    }
    if (end == text.size()) break;
    rows.break_row();
    rows.put_text(options_.next_prompt);
    at = end + 1;
  }
  if (text.empty() && !search_ && !options_.placeholder.empty() &&
      text_columns(options_.prompt + options_.placeholder) < columns) {
    frame.rows.back() += kDim;
    frame.rows.back() += options_.placeholder;
    frame.rows.back() += kNormal;
  }
  return frame;
}

}  // namespace hearth::app
