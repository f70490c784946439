// What begins with '/' in a chat, under the names that Ollama's users type: one table, from which
// running, help, completion and the guess at a misspelled name come. Called by the chat loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/chat_console.h"
#include "app/chat_session.h"
#include "app/line_history.h"

namespace hearth::app {

// What a command may act on. Filled by the chat loop.
struct ChatScope {
  ChatSession& session;
  ChatConsole& console;
  LineHistory& history;
  bool verbose = false;
  bool leave = false;  // set by /bye
};

// A path such as "/home/me/notes.txt says ..." is a message, not a command.
bool is_chat_command(std::string_view entry);

// REQUIRES: is_chat_command(entry). Says what it did, or what was wrong.
void run_chat_command(std::string_view entry, ChatScope& scope);

// What an entry that is the begin of a command could become.
std::vector<std::string> complete_chat_command(std::string_view entry);

// Loads with the progress on the console and Ctrl-C stopping it. Used for the first model, too.
LoadProgress console_progress(ChatConsole& console, std::string_view what);

// An entry that opens """ (at its begin, or as the text of /set system) and has not closed it.
bool is_unfinished_entry(std::string_view entry);
// The text between """ and """, without the line breaks next to them; any other text as it is, less
// the spaces around it.
std::string unquoted(std::string_view text);

}  // namespace hearth::app
