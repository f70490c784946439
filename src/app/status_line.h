// StatusLine: one line on standard error that tells how far something long has come, and then
// disappears. Only on a terminal, and only for what takes long enough to be noticed. Called while a
// model loads and while it reads a prompt.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "app/command.h"

namespace hearth::app {

// "loading llama.gguf [######----]  62 %", at most `columns` wide.
std::string status_text(std::string_view what, uint64_t done, uint64_t total, int columns);

class StatusLine {
 public:
  // The context must outlive the line.
  explicit StatusLine(const AppContext& context) : context_(context) {}
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { clear(); }

  void show(std::string_view what, uint64_t done, uint64_t total);
  // REQUIRED before anything else is written to the terminal. The next show() is a new wait.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  const AppContext& context_;
  bool waiting_ = false;
  bool shown_ = false;
  Clock::time_point next_;  // nothing is drawn before
};

}  // namespace hearth::app
