#include "app/run_chat.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "app/chat_console.h"
#include "app/chat_parameters.h"
#include "app/chat_repl.h"
#include "app/chat_report.h"
#include "app/chat_session.h"
#include "app/exit_code.h"
#include "app/line_history.h"
#include "app/machine_options.h"
#include "base/printable.h"
#include "base/small_file.h"

namespace hearth::app {
namespace {

// Above what any model's context holds; bounds what a wrong redirection (a disk image) can take.
constexpr size_t kStdinBytesMax = size_t{256} << 20;

// A pipe that nobody writes to and nobody closes (a service, a test harness) would look like a hung
// program.
constexpr int kSilentWaitMs = 2000;

constexpr size_t kToolsBytesMax = size_t{16} << 20;

struct Job {
  std::string model;
  std::string prompt;  // empty: none
  bool interactive = false;
  bool json = false;
  bool verbose = false;
  bool history = true;
  ChatSettings settings;
  ChatLoadOptions load;
};

// The byte where `text` stops being UTF-8; text.size() if it does not.
size_t utf8_end(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = utf8_length_at_front(text.substr(at));
    if (size == 0) return at;
    at += size;
  }
  return at;
}

Result<void> check_utf8(std::string_view text, std::string_view what) {
  const size_t end = utf8_end(text);
  if (end == text.size()) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is not UTF-8 text (at byte {})", what, end),
              "convert it first, for example with iconv -t UTF-8");
}

// All of standard input, less one line break at its end (a shell's echo adds it).
Result<std::string> read_stdin(const AppContext& context) {
  std::string text;
  std::array<char, 65536> piece;
  if (!has_input(context.in, kSilentWaitMs))
    context.note("note: waiting for standard input to end; to go without it, add </dev/null\n");
  errno = 0;
  while (const size_t n = std::fread(piece.data(), 1, piece.size(), context.in)) {
    text.append(piece.data(), n);
    if (text.size() > kStdinBytesMax)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("standard input is longer than {}", human_bytes(kStdinBytesMax)),
                  "give a shorter text");
  }
  // EBADF: there is no standard input at all ("<&-"), which is as good as an empty one.
  if (std::ferror(context.in) != 0 && errno != EBADF)
    return fail(ErrorCode::kIo,
                fmt::format("standard input cannot be read: {}", std::strerror(errno)));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  HEARTH_TRY(check_utf8(text, "standard input"));
  return text;
}

// The options that are parameters of the chat too.
Result<void> parse_parameters(const ParsedArgs& args, const ChatParameterTarget& target) {
  for (const ChatParameter& parameter : chat_parameters()) {
    if (!args.given(parameter.option)) continue;
    auto done =
        set_chat_parameter(parameter, args.texts(parameter.option), ValueSource::kPerson, target);
    if (!done)
      return fail(done.error().code, fmt::format("{}: {}", parameter.option, done.error().message),
                  done.error().hint);
  }
  return {};
}

Result<void> check_raw(const ParsedArgs& args) {
  for (const std::string_view other : {"--system", "--template", "--think", "--tools"})
    if (args.flag("--raw") && args.given(other))
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--raw uses no chat template, and so {} means nothing", other),
                  "leave one of the two out");
  return {};
}

// The prompt from the words and from standard input; empty when there is neither.
Result<std::string> gather_prompt(const ParsedArgs& args, const AppContext& context) {
  std::string prompt;
  for (const std::string& word : args.texts("PROMPT")) prompt += prompt.empty() ? word : " " + word;
  HEARTH_TRY(check_utf8(prompt, "the prompt"));
  if (context.in_is_terminal || args.flag("--interactive")) return prompt;
  HEARTH_ASSIGN(const std::string text, read_stdin(context));
  if (!prompt.empty() && !text.empty()) prompt += "\n\n";
  return prompt + text;
}

Result<Job> parse_job(const ParsedArgs& args, const AppContext& context) {
  Job job;
  job.model = args.get_text("MODEL");
  job.json = args.flag("--json");
  job.verbose = args.flag("--verbose");
  job.history = !args.flag("--no-history");
  HEARTH_TRY(check_raw(args));
  job.load.isa = args.find_text("--isa").value_or("");
  job.load.kv = args.get_text("--kv");
  job.load.weights = weight_options(args, context);
  job.load.thread_request = thread_request(args, context);
  job.load.chat_template = args.find_text("--template").value_or("");
  job.settings.system = args.find_text("--system").value_or("");
  job.settings.raw = args.flag("--raw");
  if (const auto format = args.find_text("--format")) {
    HEARTH_ASSIGN(job.settings.format, read_output_format(*format));
    for (const std::string& sentence : job.settings.format->notes)
      context.note(fmt::format("note: {}\n", printable(sentence, 1000)));
  }
  job.settings.hide_reasoning = args.flag("--hide-thinking");
  if (const auto think = args.find_text("--think")) {
    HEARTH_ASSIGN(job.settings.think, text::ThinkRequest::parse(*think));
  }
  if (const auto path = args.find_text("--tools")) {
    HEARTH_ASSIGN(const std::string tools, read_small_file(*path, kToolsBytesMax));
    HEARTH_ASSIGN(job.settings.tools, text::ToolList::parse(tools));
  }
  HEARTH_TRY(check_utf8(job.settings.system, "the text of --system"));
  HEARTH_TRY(parse_parameters(args, {job.settings, job.load}));
  HEARTH_ASSIGN(job.prompt, gather_prompt(args, context));
  job.interactive = args.flag("--interactive") || (job.prompt.empty() && context.in_is_terminal);
  if (job.interactive && job.json)
    return fail(ErrorCode::kInvalidArgument, "--json answers one prompt, and there is none",
                "give the prompt after the model, or on standard input");
  if (!job.interactive && job.prompt.empty())
    return fail(ErrorCode::kInvalidArgument,
                "there is no prompt: standard input is not a terminal, and empty",
                "give the prompt after the model, or run it in a terminal to chat");
  return job;
}

Result<void> load(const Job& job, ChatSession& session, ChatConsole& console) {
  const std::string_view path = job.model;
  const std::string what = fmt::format("loading {}", path.substr(path.find_last_of('/') + 1));
  return session.load(job.model, job.load, console_progress(console, what));
}

Result<int> answer_once(const Job& job, ChatSession& session, ChatConsole& console) {
  if (!session.info().has_template)
    console.warn(
        fmt::format("note: this model has no chat template: it continues the text as it stands{}; "
                    "--template NAME chooses one\n",
                    job.settings.system.empty() ? "" : ", and --system is not used"));
  AnswerPrinter printer(console, !job.settings.hide_reasoning && !job.json);
  ChatCallbacks callbacks = printer.callbacks();
  std::string answer;
  if (job.json)
    callbacks.on_text = [&](std::string_view text) {
      answer += text;
      return !console.must_stop();
    };
  auto stats = session.ask(job.prompt, callbacks);
  printer.end_line();
  if (!stats) {
    Error error = std::move(stats).error();
    if (error.code == ErrorCode::kContextFull && error.hint.empty())
      error.hint = "shorten the prompt, or give more context with --ctx N";
    return std::unexpected(std::move(error));
  }
  console.say(job.json ? json_text(session, *stats, answer) : calls_text(*stats));
  console.warn(reply_notes_text(*stats));
  if (job.verbose) console.warn(verbose_text(session, *stats));
  if (stats->stop == StopReason::kContextFull)
    console.warn(
        fmt::format("note: the context is full ({} of {} tokens): the answer is cut off here; "
                    "--ctx N gives more\n",
                    stats->n_context_used, session.info().n_ctx));
  if (stats->stop == StopReason::kCancelled) return exit_code_of(ErrorCode::kCancelled);
  return kExitOk;
}

// Where the XDG base directories put what a program remembers; nothing where there is no home.
std::optional<std::string> history_path(const AppContext& context) {
  if (!context.env) return std::nullopt;
  if (const auto state = context.env("XDG_STATE_HOME")) return *state + "/hearth/history";
  if (const auto home = context.env("HOME")) return *home + "/.local/state/hearth/history";
  return std::nullopt;
}

void open_history(const Job& job, const AppContext& context, LineHistory& history) {
  if (!job.history) {
    history.disable();
    return;
  }
  const auto path = history_path(context);
  if (!path) return;
  const auto opened = history.open(*path);
  if (opened) return;
  context.note(
      fmt::format("note: entries are not kept for the next time: {}\n", opened.error().message));
  history = LineHistory();
}

}  // namespace

Result<int> run_chat(const ParsedArgs& args, AppContext& context, ChatBackend& backend) {
  HEARTH_ASSIGN(const Job job, parse_job(args, context));
  LineHistory history;
  if (job.interactive) open_history(job, context, history);
  TerminalConsole console(context, chat_edit_options(), history);
  ChatSession session(backend);
  session.settings() = job.settings;
  HEARTH_TRY(load(job, session, console));
  if (const std::string warnings = warnings_text(session); !warnings.empty())
    console.warn(warnings);
  if (!job.interactive) return answer_once(job, session, console);

  console.warn(greeting_text(session));
  ChatRepl repl(session, console, history);
  if (job.verbose) repl.set_verbose();
  if (job.prompt.empty() || repl.handle(job.prompt)) repl.run();
  return kExitOk;
}

}  // namespace hearth::app
