// ChatRepl: the loop of an interactive chat: an entry, a command or an answer to it, the next
// entry. Called by `hearth run`; reads and writes only through ChatConsole, asks only through
// ChatSession.
#pragma once

#include <string>
#include <string_view>

#include "app/chat_commands.h"
#include "app/chat_console.h"
#include "app/chat_session.h"
#include "app/edit_session.h"
#include "app/line_history.h"

namespace hearth::app {

// The prompt, and what belongs to the commands of a chat.
EditOptions chat_edit_options();

// Prints the answer while it comes and remembers what of it was seen. For a chat and for one
// question alone.
class AnswerPrinter {
 public:
  // `shows_reasoning`: what the model thinks before it answers is printed, too.
  AnswerPrinter(ChatConsole& console, bool shows_reasoning)
      : console_(console), shows_reasoning_(shows_reasoning) {}
  // REQUIRES: the printer outlives the callbacks.
  [[nodiscard]] ChatCallbacks callbacks();
  // Ends the line that the answer left open.
  void end_line();

 private:
  ChatConsole& console_;
  bool shows_reasoning_;
  bool line_is_open_ = false;
  bool thought_ = false;  // reasoning was printed last
};

class ChatRepl {
 public:
  // All must outlive the loop. REQUIRES: the session has a model.
  ChatRepl(ChatSession& session, ChatConsole& console, LineHistory& history)
      : scope_{session, console, history} {}

  void set_verbose() { scope_.verbose = true; }
  // Until the person leaves, or the input or the output ends.
  void run();
  // One entry. Returns false when it says to leave.
  bool handle(std::string_view entry);

 private:
  void remember(std::string_view entry);
  void ask(const std::string& text);
  void tell_about_context(const ChatStats& stats);

  ChatScope scope_;
  bool warned_of_history_ = false;
};

}  // namespace hearth::app
