// ChatConsole: where a chat is read from and written to. TerminalConsole is the person's terminal
// (or lines of standard input); tests of the chat loop have one that replays a script. Knows
// nothing of models.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/command.h"
#include "app/line_editor.h"
#include "app/line_history.h"
#include "app/status_line.h"
#include "base/result.h"
#include "base/terminal.h"

namespace hearth::app {

class ChatConsole {
 public:
  virtual ~ChatConsole() = default;
  virtual Entry read() = 0;
  // A piece of the model's answer.
  virtual void answer(std::string_view text) = 0;
  // A piece of what the model thinks before it answers.
  virtual void reasoning(std::string_view text) = 0;
  // The program's own words: whole lines, each with its line break.
  virtual void say(std::string_view text) = 0;
  // What went wrong or needs attention; as say().
  virtual void warn(std::string_view text) = 0;
  // How far something long is; disappears with whatever is written next.
  virtual void progress(std::string_view what, uint64_t done, uint64_t total) = 0;
  // Whether Ctrl-C was pressed since the last clear_interrupt(), or the output has nowhere to go
  // any more.
  [[nodiscard]] virtual bool must_stop() const = 0;
  virtual void clear_interrupt() = 0;
};

class TerminalConsole : public ChatConsole {
 public:
  // All must outlive the console.
  TerminalConsole(AppContext& context, const EditOptions& edit, const LineHistory& history);

  Entry read() override;
  void answer(std::string_view text) override;
  void reasoning(std::string_view text) override;
  void say(std::string_view text) override;
  void warn(std::string_view text) override;
  void progress(std::string_view what, uint64_t done, uint64_t total) override;
  [[nodiscard]] bool must_stop() const override;
  void clear_interrupt() override;

 private:
  AppContext& context_;
  StatusLine status_;
  SignalWatch watch_;
  LineEditor editor_;
};

}  // namespace hearth::app
