#include "app/chat_commands.h"

#include <fmt/format.h>

#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "app/chat_parameters.h"
#include "app/chat_report.h"
#include "app/dispatch.h"
#include "app/options.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

constexpr std::string_view kBlank = " \t\n";
constexpr std::string_view kBlockQuote = "\"\"\"";
constexpr std::string_view kSetSystem = "/set system";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// The first word, and what follows it.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
  text = trimmed(text);
  const size_t end = std::min(text.find_first_of(kBlank), text.size());
  return {text.substr(0, end), trimmed(text.substr(end))};
}

struct ChatCommand {
  std::string_view name;
  std::string_view arguments;  // shown in the help
  std::string_view help;
  void (*run)(std::string_view arguments, ChatScope& scope);
};

using CommandTable = std::span<const ChatCommand>;

std::string table_text(CommandTable table, std::string_view prefix) {
  std::string text;
  for (const ChatCommand& command : table)
    text += fmt::format("  {:<34}{}\n",
                        fmt::format("{}{}{}{}", prefix, command.name,
                                    command.arguments.empty() ? "" : " ", command.arguments),
                        command.help);
  return text;
}

// Runs the command of the first word, or says which one was probably meant.
void dispatch_word(CommandTable table, std::string_view prefix, std::string_view line,
                   ChatScope& scope) {
  const auto [name, arguments] = split_word(line);
  std::vector<std::string_view> names;
  for (const ChatCommand& command : table) {
    if (command.name == name) {
      command.run(arguments, scope);
      return;
    }
    names.push_back(command.name);
  }
  const std::string_view nearest = nearest_name(name, names);
  scope.console.warn(
      fmt::format("There is no command {}{}{}. Type /? for help.\n", prefix, printable(name, 60),
                  nearest.empty() ? "" : fmt::format("; did you mean {}{}?", prefix, nearest)));
}

void needs_store(std::string_view what, ChatScope& scope) {
  scope.console.warn(
      fmt::format("{} comes with the model store, which this version does not have yet.\n", what));
}

// --- /set ---

void set_parameter(std::string_view arguments, ChatScope& scope) {
  const auto [name, value] = split_word(arguments);
  if (value.empty()) {
    std::string text = "Usage: /set parameter NAME VALUE\n";
    for (const ChatParameter& parameter : chat_parameters())
      text += fmt::format("  {:<22}{}\n", parameter.name, parameter.help);
    scope.console.say(text);
    return;
  }
  const auto parameter = find_chat_parameter(name);
  if (!parameter) {
    scope.console.warn(error_text(parameter.error()));
    return;
  }
  ChatLoadOptions load = scope.session.load_options();
  auto done = set_chat_parameter(**parameter, parameter_values(**parameter, value),
                                 ValueSource::kPerson, {scope.session.settings(), load});
  if (done && (*parameter)->reloads) {
    scope.console.clear_interrupt();
    done = scope.session.reload(load, console_progress(scope.console, "loading"));
  }
  if (!done) {
    scope.console.warn(error_text(done.error()));
    return;
  }
  scope.console.say(
      fmt::format("{} = {}\n", (*parameter)->name,
                  printable((*parameter)->show(**parameter, scope.session.settings(), load))));
  if ((*parameter)->reloads) scope.console.say(greeting_text(scope.session));
}

void set_system(std::string_view arguments, ChatScope& scope) {
  if (arguments.empty()) {
    scope.console.say(
        "Usage: /set system TEXT, or /set system \"\"\"TEXT\"\"\" for several lines; "
        "\"\" for no system message.\n");
    return;
  }
  std::string text = unquoted(arguments);
  if (text == "\"\"") text.clear();
  scope.session.settings().system = std::move(text);
  scope.console.say(scope.session.settings().system.empty() ? "No system message.\n"
                                                            : "Set the system message.\n");
}

void set_history(std::string_view, ChatScope& scope) {
  scope.history.enable();
  scope.console.say("Entries are remembered.\n");
}

void set_no_history(std::string_view, ChatScope& scope) {
  scope.history.disable();
  scope.console.say("Entries are not remembered from here on.\n");
}

void set_verbose(std::string_view, ChatScope& scope) {
  scope.verbose = true;
  scope.console.say("Times and counts are shown after every answer.\n");
}

void set_quiet(std::string_view, ChatScope& scope) {
  scope.verbose = false;
  scope.console.say("Times and counts are not shown.\n");
}

void set_format(std::string_view arguments, ChatScope& scope) {
  auto format = read_output_format(arguments.empty() ? "json" : arguments);
  if (!format) {
    scope.console.warn(error_text(format.error()));
    return;
  }
  for (const std::string& sentence : (*format)->notes)
    scope.console.warn(fmt::format("note: {}\n", printable(sentence, 1000)));
  scope.console.say(fmt::format("Answers are held to {}.\n", printable((*format)->name, 200)));
  scope.session.settings().format = std::move(*format);
}

void set_no_format(std::string_view, ChatScope& scope) {
  scope.session.settings().format.reset();
  scope.console.say("Answers have no fixed format.\n");
}

void set_think(std::string_view arguments, ChatScope& scope) {
  const auto request = text::ThinkRequest::parse(arguments.empty() ? "on" : arguments);
  if (!request) {
    scope.console.warn(error_text(request.error()));
    return;
  }
  scope.session.settings().think = *request;
  scope.console.say(request->mode == text::ThinkRequest::Mode::kOff
                        ? "The model is asked not to think first, if its chat template knows how.\n"
                        : "The model is asked to think first, if its chat template knows how.\n");
}

void set_no_think(std::string_view, ChatScope& scope) { set_think("off", scope); }

void set_wrap(std::string_view, ChatScope& scope) {
  scope.console.say("Long lines are wrapped by your terminal.\n");
}

constexpr ChatCommand kSetCommands[] = {
    {"parameter", "NAME VALUE", "how answers are made; alone, lists the names", set_parameter},
    {"system", "TEXT", "the system message", set_system},
    {"history", "", "remember entries for the next time", set_history},
    {"nohistory", "", "do not", set_no_history},
    {"verbose", "", "show times and counts", set_verbose},
    {"quiet", "", "do not", set_quiet},
    {"format", "json|FILE", "answers in JSON, by a schema (.json) or a grammar (.gbnf)",
     set_format},
    {"noformat", "", "answers in no fixed format", set_no_format},
    {"think", "[HOW]", "think first: on, off, low, medium, high, or tokens", set_think},
    {"nothink", "", "do not", set_no_think},
    {"wordwrap", "", "your terminal wraps lines", set_wrap},
    {"nowordwrap", "", "your terminal wraps lines", set_wrap},
};

// --- /show ---

std::string ended(std::string text, std::string_view if_empty) {
  if (text.empty()) return std::string(if_empty);
  return text.ends_with('\n') ? text : text + '\n';
}

void show_info(std::string_view, ChatScope& scope) { scope.console.say(info_text(scope.session)); }

void show_parameters(std::string_view, ChatScope& scope) {
  scope.console.say(parameters_text(scope.session));
}

void show_system(std::string_view, ChatScope& scope) {
  scope.console.say(
      ended(printable_lines(scope.session.settings().system), "There is no system message.\n"));
}

void show_template(std::string_view, ChatScope& scope) {
  scope.console.say(ended(printable_lines(scope.session.info().chat_template),
                          "The model has no chat template.\n"));
}

void show_license(std::string_view, ChatScope& scope) {
  scope.console.say(
      ended(printable_lines(scope.session.info().license), "The file states no license.\n"));
}

void show_modelfile(std::string_view, ChatScope& scope) {
  scope.console.say(modelfile_text(scope.session));
}

constexpr ChatCommand kShowCommands[] = {
    {"info", "", "the model, the context, the memory", show_info},
    {"parameters", "", "how answers are made", show_parameters},
    {"system", "", "the system message", show_system},
    {"template", "", "the chat template", show_template},
    {"license", "", "the license of the model", show_license},
    {"modelfile", "", "this session as a Modelfile", show_modelfile},
};

// --- the others ---

void set_any(std::string_view arguments, ChatScope& scope) {
  if (arguments.empty())
    scope.console.say(table_text(kSetCommands, "/set "));
  else
    dispatch_word(kSetCommands, "/set ", arguments, scope);
}

void show_any(std::string_view arguments, ChatScope& scope) {
  if (arguments.empty())
    scope.console.say(table_text(kShowCommands, "/show "));
  else
    dispatch_word(kShowCommands, "/show ", arguments, scope);
}

void clear(std::string_view, ChatScope& scope) {
  scope.session.clear();
  scope.console.say("Forgot the conversation. The system message and the settings stay.\n");
}

void load(std::string_view arguments, ChatScope& scope) {
  const std::string path(arguments);
  std::error_code code;
  if (path.empty()) {
    scope.console.say("Usage: /load PATH\n");
    return;
  }
  if (!std::filesystem::exists(path, code)) {
    scope.console.warn(fmt::format("There is no file '{}'.\n", printable(path)));
    needs_store("Loading by name", scope);
    return;
  }
  scope.console.clear_interrupt();
  const auto loaded =
      scope.session.load(path, scope.session.load_options(),
                         console_progress(scope.console, fmt::format("loading {}", path)));
  if (!loaded) {
    scope.console.warn(error_text(loaded.error()) + "  The model before is still here.\n");
    return;
  }
  if (const std::string warnings = warnings_text(scope.session); !warnings.empty())
    scope.console.warn(warnings);
  scope.console.say(greeting_text(scope.session));
}

void save(std::string_view, ChatScope& scope) { needs_store("/save", scope); }
void list(std::string_view, ChatScope& scope) { needs_store("/list", scope); }
void leave(std::string_view, ChatScope& scope) { scope.leave = true; }
void help(std::string_view arguments, ChatScope& scope);

constexpr ChatCommand kCommands[] = {
    {"?", "[set|show|shortcuts]", "this help; the commands of one kind; the keys", help},
    {"help", "[set|show|shortcuts]", "as /?", help},
    {"set", "NAME ...", "change a setting", set_any},
    {"show", "NAME", "show the model or a setting", show_any},
    {"clear", "", "forget the conversation", clear},
    {"load", "PATH", "chat with another model", load},
    {"save", "NAME", "not in this version", save},
    {"list", "", "not in this version", list},
    {"bye", "", "leave", leave},
    {"exit", "", "leave", leave},
};

constexpr std::string_view kShortcuts =
    "  Enter             send                      Alt-Enter       a new line\n"
    "  \"\"\"               begin and end of a message of several lines\n"
    "  Ctrl-C            stop the answer; clear the entry\n"
    "  Ctrl-D            leave (on an empty entry)\n"
    "  Up, Down          entries before            Ctrl-R          search in them\n"
    "  Ctrl-A, Home      begin of the line         Ctrl-E, End     end of the line\n"
    "  Alt-B, Ctrl-Left  back one word             Alt-F, Ctrl-Right  forward one word\n"
    "  Ctrl-K            cut to the end            Ctrl-U          cut to the begin\n"
    "  Ctrl-W            cut the word before       Alt-D           cut the word after\n"
    "  Ctrl-Y            put back what was cut     Ctrl-L          clear the screen\n"
    "  Tab               complete a command        Ctrl-Z          suspend the program\n";

void help(std::string_view arguments, ChatScope& scope) {
  const std::string_view topic = arguments.starts_with('/') ? arguments.substr(1) : arguments;
  if (topic == "set")
    scope.console.say(table_text(kSetCommands, "/set "));
  else if (topic == "show")
    scope.console.say(table_text(kShowCommands, "/show "));
  else if (topic == "shortcuts")
    scope.console.say(kShortcuts);
  else
    scope.console.say(table_text(kCommands, "/") +
                      "A message of several lines begins and ends with \"\"\".\n");
}

void add_matches(CommandTable table, std::string_view prefix, std::string_view entry,
                 std::vector<std::string>* found) {
  if (!entry.starts_with(prefix)) return;
  for (const ChatCommand& command : table) {
    std::string whole = fmt::format("{}{}", prefix, command.name);
    if (!command.arguments.empty()) whole += ' ';
    if (whole.starts_with(entry)) found->push_back(std::move(whole));
  }
}

}  // namespace

bool is_chat_command(std::string_view entry) {
  const auto [word, rest] = split_word(entry);
  return word.starts_with('/') && word.find('/', 1) == std::string_view::npos;
}

void run_chat_command(std::string_view entry, ChatScope& scope) {
  dispatch_word(kCommands, "/", trimmed(entry).substr(1), scope);
}

std::vector<std::string> complete_chat_command(std::string_view entry) {
  std::vector<std::string> found;
  if (!entry.starts_with('/')) return found;
  constexpr std::string_view kSetParameter = "/set parameter ";
  add_matches(kCommands, "/", entry, &found);
  add_matches(kSetCommands, "/set ", entry, &found);
  add_matches(kShowCommands, "/show ", entry, &found);
  if (entry.starts_with(kSetParameter)) {
    for (const ChatParameter& parameter : chat_parameters()) {
      std::string whole = fmt::format("{}{} ", kSetParameter, parameter.name);
      if (whole.starts_with(entry)) found.push_back(std::move(whole));
    }
  }
  return found;
}

LoadProgress console_progress(ChatConsole& console, std::string_view what) {
  return [&console, text = std::string(what)](uint64_t done, uint64_t total) {
    console.progress(text, done, total);
    return !console.must_stop();
  };
}

bool is_unfinished_entry(std::string_view entry) {
  std::string_view text = trimmed(entry);
  if (text.starts_with(kSetSystem)) text = trimmed(text.substr(kSetSystem.size()));
  if (!text.starts_with(kBlockQuote)) return false;
  return text.size() < 2 * kBlockQuote.size() || !text.ends_with(kBlockQuote);
}

std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with(kBlockQuote)) return std::string(text);
  text.remove_prefix(kBlockQuote.size());
  if (text.ends_with(kBlockQuote)) text.remove_suffix(kBlockQuote.size());
  if (text.starts_with('\n')) text.remove_prefix(1);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace hearth::app
