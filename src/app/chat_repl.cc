#include "app/chat_repl.h"

#include <fmt/format.h>

#include <utility>

#include "app/chat_report.h"
#include "app/dispatch.h"

namespace hearth::app {
namespace {

// From this share of the context on, each answer is followed by how much is used: a chat ends with
// an error when it is full, and nobody should be surprised by that.
constexpr double kContextNearlyFull = 0.75;

constexpr std::string_view kMoreContext =
    "/clear forgets the conversation; /set parameter num_ctx N makes more room";

}  // namespace

EditOptions chat_edit_options() {
  return {
      .placeholder = "Send a message (/? for help)",
      .is_unfinished = is_unfinished_entry,
      .complete = complete_chat_command,
  };
}

ChatCallbacks AnswerPrinter::callbacks() {
  return {
      .on_prompt =
          [this](uint64_t done, uint64_t total) {
            console_.progress("reading the prompt", done, total);
            return !console_.must_stop();
          },
      .on_text =
          [this](std::string_view text) {
            if (!text.empty() && std::exchange(thought_, false)) console_.reasoning("\n\n");
            console_.answer(text);
            if (!text.empty()) line_is_open_ = text.back() != '\n';
            return !console_.must_stop();
          },
      .on_reasoning =
          [this](std::string_view text) {
            if (shows_reasoning_ && !text.empty()) {
              console_.reasoning(text);
              thought_ = true;
            }
            return !console_.must_stop();
          },
  };
}

void AnswerPrinter::end_line() {
  if (std::exchange(thought_, false)) console_.reasoning("\n");
  if (line_is_open_) console_.say("\n");
  line_is_open_ = false;
}

void ChatRepl::run() {
  while (true) {
    const Entry entry = scope_.console.read();
    if (entry.kind == EntryKind::kEnded) return;
    if (entry.kind == EntryKind::kInterrupted) {
      scope_.console.say("To leave, type /bye or press Ctrl-D.\n");
    } else if (!handle(entry.text)) {
      return;
    }
    scope_.console.clear_interrupt();
    if (scope_.console.must_stop()) return;  // the output has nowhere to go: main() says so
  }
}

bool ChatRepl::handle(std::string_view entry) {
  const std::string text = unquoted(entry);
  if (text.empty()) return true;
  remember(entry);
  // """/bye""" is a message.
  if (is_chat_command(entry))
    run_chat_command(entry, scope_);
  else
    ask(text);
  return !scope_.leave;
}

void ChatRepl::remember(std::string_view entry) {
  const auto added = scope_.history.add(entry);
  if (added || warned_of_history_) return;
  warned_of_history_ = true;
  scope_.console.warn(
      fmt::format("note: entries are not kept for the next time: {}\n", added.error().message));
}

void ChatRepl::ask(const std::string& text) {
  scope_.console.clear_interrupt();
  AnswerPrinter printer(scope_.console, !scope_.session.settings().hide_reasoning);
  auto stats = scope_.session.ask(text, printer.callbacks());
  printer.end_line();
  if (stats) scope_.console.say(calls_text(*stats));
  if (stats) scope_.console.warn(reply_notes_text(*stats));
  if (!stats) {
    Error error = std::move(stats).error();
    if (error.code == ErrorCode::kContextFull) error.hint = kMoreContext;
    scope_.console.warn(error_text(error));
    return;
  }
  if (stats->stop == StopReason::kCancelled) scope_.console.say("(stopped)\n");
  if (stats->stop == StopReason::kLength)
    scope_.console.say(
        fmt::format("(stopped after {} tokens, as num_predict says)\n", stats->n_generated));
  if (scope_.verbose) scope_.console.warn(verbose_text(scope_.session, *stats));
  tell_about_context(*stats);
  scope_.console.say("\n");
}

void ChatRepl::tell_about_context(const ChatStats& stats) {
  const uint64_t limit = scope_.session.info().n_ctx;
  if (stats.stop == StopReason::kContextFull)
    scope_.console.warn(
        fmt::format("The context is full ({} of {} tokens): the answer is cut off here.\n  {}.\n",
                    stats.n_context_used, limit, kMoreContext));
  else if (!scope_.verbose && double(stats.n_context_used) >= kContextNearlyFull * double(limit))
    scope_.console.say(fmt::format("(context: {} of {} tokens used; {})\n", stats.n_context_used,
                                   limit, kMoreContext));
}

}  // namespace hearth::app
