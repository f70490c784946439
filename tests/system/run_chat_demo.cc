// `hearth run` with a backend that has no model, as a program: run_keys_test.py presses its keys in
// a real terminal.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "app/dispatch.h"
#include "app/fake_chat_backend.h"
#include "app/run_chat.h"
#include "app/run_options.h"
#include "base/terminal.h"

namespace {

using namespace hearth::app;

hearth::Result<int> run_fake(const ParsedArgs& args, AppContext& context) {
  FakeChatBackend backend;
  return run_chat(args, context, backend);
}

std::optional<std::string> environment(std::string_view name) {
  const char* const value = std::getenv(std::string(name).c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  static const Command command = run_options::command(run_fake);
  static const Command* const commands[] = {&command};
  AppContext context = {
      .in = stdin,
      .out = stdout,
      .err = stderr,
      .in_is_terminal = hearth::is_terminal(hearth::StandardStream::kInput),
      .out_is_terminal = hearth::is_terminal(hearth::StandardStream::kOutput),
      .err_is_terminal = hearth::is_terminal(hearth::StandardStream::kError),
      .env = environment,
      .commands = commands,
  };
  return run_hearth(std::vector<std::string>(argv + 1, argv + argc), context);
}
