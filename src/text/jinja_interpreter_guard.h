// Counts a step and a level of nesting of the interpreter, and notes where the first error
// happened. Shared by the interpreter's two files.
#pragma once

#include <fmt/format.h>

#include "text/jinja_interpreter.h"

namespace hearth::text::jinja {

class Interpreter::Guard {
 public:
  Guard(Interpreter& interpreter, int line) : interpreter_(interpreter), line_(line) {
    ok_ = interpreter_.tick();
    if (++interpreter_.depth_ > interpreter_.limits().max_depth) {
      interpreter_.fail(
          fmt::format("nested more than {} levels deep", interpreter_.limits().max_depth));
      ok_ = false;
    }
  }
  ~Guard() {
    --interpreter_.depth_;
    if (!interpreter_.ok() && interpreter_.error_line_ == 0) interpreter_.error_line_ = line_;
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  Interpreter& interpreter_;
  int line_;
  bool ok_;
};

}  // namespace hearth::text::jinja
