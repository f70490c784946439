#include "app/dispatch.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <vector>

#include "app/exit_code.h"
#include "app/options.h"
#include "app/usage.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

// What a shell shows for a process that SIGPIPE ended.
constexpr int kExitBrokenPipe = 128 + 13;

Result<int> dispatch(std::span<const std::string> words, AppContext& context) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    context.print(overview(context.commands));
    return kExitOk;
  }
  const std::string_view name = words[0] == "--version" ? std::string_view("version") : words[0];
  HEARTH_ASSIGN(const Command* const command, find_command(name, context));
  HEARTH_ASSIGN(const ParseOutcome parsed, parse_args(*command, words.subspan(1), context));
  if (parsed.help) {
    context.print(command_help(*command));
    return kExitOk;
  }
  return command->run(parsed.args, context);
}

// Our code throws nothing; what comes here is memory that ran out, or a library's exception that
// the calling code should have caught.
Result<int> dispatch_and_catch(std::span<const std::string> words, AppContext& context) {
  try {
    return dispatch(words, context);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kOutOfMemory, "there is not enough memory",
                "close other programs, or choose a smaller model or context");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, fmt::format("unexpected: {}", error.what()),
                "please report this");
  }
}

// Output that did not arrive is an error although the command did its work: the disk may be full.
Result<int> flush_output(AppContext& context) {
  errno = 0;
  const bool failed = std::fflush(context.out) != 0 || std::ferror(context.out) != 0;
  if (!failed) return kExitOk;
  if (errno == EPIPE) return kExitBrokenPipe;  // the reader has seen enough: not worth a word
  const std::string reason = errno == 0 ? "" : fmt::format(": {}", std::strerror(errno));
  return fail(ErrorCode::kIo,
              fmt::format("not everything could be written to the output{}", reason),
              "make room where the output goes and run the command again");
}

}  // namespace

Result<const Command*> find_command(std::string_view name, const AppContext& context) {
  std::vector<std::string_view> names;
  for (const Command* command : context.commands) {
    if (command->name == name) return command;
    names.push_back(command->name);
  }
  const std::string_view nearest = nearest_name(name, names);
  const std::string guess = nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("there is no command '{}'{}", printable(name, 60), guess),
              "`hearth help` lists the commands");
}

std::string error_text(const Error& error) {
  std::string message = printable_lines(error.message);
  const bool ended = !message.empty() && std::string_view(".!?").contains(message.back());
  std::string out = fmt::format("hearth: {}{}\n", message, ended ? "" : ".");
  if (!error.hint.empty()) out += fmt::format("  {}\n", printable_lines(error.hint));
  return out;
}

int run_hearth(std::span<const std::string> words, AppContext& context) {
  Result<int> outcome = dispatch_and_catch(words, context);
  const Result<int> flushed = flush_output(context);
  // A command that failed says why; a lost output matters only where there was none of that.
  if (outcome && (!flushed || *flushed != kExitOk)) outcome = flushed;
  if (outcome) return *outcome;
  context.note(error_text(outcome.error()));
  return exit_code_of(outcome.error().code);
}

}  // namespace hearth::app
