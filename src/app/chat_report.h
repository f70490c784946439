// What the chat tells about a model and about an answer, as text: `/show`, --verbose, --json. Texts
// from the model's file are made safe for a terminal here. Called by the chat commands and by
// run.cc.
#pragma once

#include <string>
#include <string_view>

#include "app/chat_backend.h"
#include "app/chat_session.h"

namespace hearth::app {

// "3.4 GB"
std::string human_bytes(uint64_t bytes);
// "1.1 billion"
std::string human_count(uint64_t count);

// What the person should hear once about the loaded model; empty: nothing.
std::string warnings_text(const ChatSession& session);
// One line each: name, size, context with its reason.
std::string greeting_text(const ChatSession& session);
std::string info_text(const ChatSession& session);
std::string parameters_text(const ChatSession& session);
// A Modelfile, as Ollama reads it, that makes this session again.
std::string modelfile_text(const ChatSession& session);
// The tool calls of a reply, one JSON object on a line each; empty: none.
std::string calls_text(const ChatStats& stats);
// What was odd about the request or the reply: a line each.
std::string reply_notes_text(const ChatStats& stats);

// Times, rates, context and memory of one answer, under the names Ollama prints them.
std::string verbose_text(const ChatSession& session, const ChatStats& stats);
// One JSON object on one line.
std::string json_text(const ChatSession& session, const ChatStats& stats, std::string_view answer);

}  // namespace hearth::app
