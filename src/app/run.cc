// `hearth run`: a chat with a model, or one answer.
#include "app/chat_backend.h"
#include "app/command.h"
#include "app/run_chat.h"
#include "app/run_options.h"

namespace hearth::app {
namespace {

Result<int> run(const ParsedArgs& args, AppContext& context) {
  const std::unique_ptr<ChatBackend> backend = make_chat_backend();
  return run_chat(args, context, *backend);
}

}  // namespace

extern constinit const Command kRun = run_options::command(run);

}  // namespace hearth::app
