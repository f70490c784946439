// LineHistory: what a person entered before, oldest first, in memory and in a file that several
// programs may add to. Called by the line editor and the chat loop.
//
// The file: one entry a line; in an entry "\\" stands for a backslash, "\n" for a line break.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::app {

class LineHistory {
 public:
  // Enough for months; what is read at the start stays small beside loading a model.
  static constexpr size_t kEntriesMax = 1000;
  // An entry above this (a pasted document) is remembered while the program runs and not written.
  static constexpr size_t kEntryBytesMax = 64 << 10;
  static constexpr size_t kFileBytesMax = 4 << 20;

  LineHistory() = default;

  // Takes the entries of the file; a file that is not there yet is no error. The file is remembered
  // and add() writes to it, also after an error. Errors: those of read_small_file.
  Result<void> open(std::string path);
  // Later entries are neither remembered nor written.
  void disable() { enabled_ = false; }
  void enable() { enabled_ = true; }

  // Remembers the entry as the newest, unless it is empty or equal to the newest. Errors: kIo, when
  // the file cannot be written; the entry is then remembered all the same.
  Result<void> add(std::string_view entry);

  [[nodiscard]] size_t size() const { return entries_.size(); }
  // The entry `age` places before the newest. REQUIRES: age < size().
  [[nodiscard]] const std::string& at_age(size_t age) const;
  // The age of the youngest entry that holds `wanted` and is at least `from` old.
  [[nodiscard]] std::optional<size_t> find(std::string_view wanted, size_t from) const;

 private:
  void remember(std::string entry);

  std::deque<std::string> entries_;
  std::string path_;
  bool enabled_ = true;
};

}  // namespace hearth::app
