#include "app/chat_console.h"

#include <algorithm>

#include "base/printable.h"

namespace hearth::app {
namespace {

EditorMode editor_mode(const AppContext& context) {
  if (!context.in_is_terminal) return EditorMode::kSilent;
  const std::string kind = context.env ? context.env("TERM").value_or("dumb") : "dumb";
  // Keys are drawn on standard output: when that is a file, the drawing would end in it.
  return kind == "dumb" || !context.out_is_terminal ? EditorMode::kPlain : EditorMode::kKeys;
}

}  // namespace

TerminalConsole::TerminalConsole(AppContext& context, const EditOptions& edit,
                                 const LineHistory& history)
    : context_(context), status_(context), editor_(edit, editor_mode(context), history, watch_) {}

Entry TerminalConsole::read() {
  status_.clear();
  return editor_.read();
}

// A model's words reach a terminal without control characters; a file or a pipe gets them as they
// are.
void TerminalConsole::answer(std::string_view text) {
  if (text.empty()) return;
  status_.clear();
  if (context_.out_is_terminal) {
    std::string shown(text);
    std::erase(shown, '\r');
    context_.print(printable_lines(shown));
  } else {
    context_.print(text);
  }
  std::fflush(context_.out);
}

// Faint on a terminal; apart from the answer where that goes to a file or a pipe.
void TerminalConsole::reasoning(std::string_view text) {
  if (text.empty()) return;
  status_.clear();
  std::string shown(text);
  std::erase(shown, '\r');
  shown = printable_lines(shown);
  if (context_.out_is_terminal)
    context_.print("\x1b[2m" + shown + "\x1b[0m");
  else
    context_.note(shown);
  std::fflush(context_.out);
}

void TerminalConsole::say(std::string_view text) {
  status_.clear();
  context_.print(text);
  std::fflush(context_.out);
}

void TerminalConsole::warn(std::string_view text) {
  status_.clear();
  context_.note(text);
}

void TerminalConsole::progress(std::string_view what, uint64_t done, uint64_t total) {
  status_.show(what, done, total);
}

bool TerminalConsole::must_stop() const {
  return watch_.interrupted() || std::ferror(context_.out) != 0;
}

void TerminalConsole::clear_interrupt() { watch_.clear(); }

}  // namespace hearth::app
