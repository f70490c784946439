// The program: gives the commands the real streams, terminal and environment.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "app/dispatch.h"
#include "app/list.h"
#include "base/terminal.h"

namespace {

std::optional<std::string> environment(std::string_view name) {
  const char* const value = std::getenv(std::string(name).c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  using hearth::StandardStream;
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files (ulimit -f) is an error as a full disk is
#endif
  hearth::app::AppContext context = {
      .in = stdin,
      .out = stdout,
      .err = stderr,
      .in_is_terminal = hearth::is_terminal(StandardStream::kInput),
      .out_is_terminal = hearth::is_terminal(StandardStream::kOutput),
      .err_is_terminal = hearth::is_terminal(StandardStream::kError),
      .env = environment,
      .commands = hearth::app::all_commands(),
  };
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return hearth::app::run_hearth(words, context);
}
