// `hearth run` with any backend: decides between one answer and a chat, and joins console, session
// and history. Called by run.cc with the engine, by tests with a backend of theirs.
#pragma once

#include "app/chat_backend.h"
#include "app/command.h"
#include "base/result.h"

namespace hearth::app {

// `args` are those of run_options.h. The value is the exit code.
Result<int> run_chat(const ParsedArgs& args, AppContext& context, ChatBackend& backend);

}  // namespace hearth::app
