#include "text/reply/reply_parser.h"

#include <algorithm>
#include <utility>

#include "text/reply/formats/list.h"
#include "text/reply/reasoning_form.h"

namespace hearth::text {
namespace {

using reply::Channel;
using reply::Co;
using reply::Literals;
using reply::Reader;
using reply::ReasoningForm;
using reply::ToolFormat;

constexpr std::string_view kUnread =
    "a tool call could not be read; its text is part of the answer";

std::string_view without_end_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \n\r\t") + 1);
}

// Where the reply of formats without channels is: what ReplyParser::thinking() asks.
struct Place {
  bool thinking = false;
};

Co<bool> parse_section(Reader& in, const ToolFormat& format, int trigger) {
  const auto parse = format.parse != nullptr ? format.parse : reply::parse_calls;
  const bool read = co_await parse(in, format, trigger);
  if (!read) in.give_back(format.only_at_begin ? std::string_view() : kUnread);
  in.commit();
  co_return read;
}

// Behind the opening words, up to and with the closing ones.
Co<bool> parse_reasoning(Reader& in, const ReasoningForm& form, const ToolFormat* format,
                         Place& place) {
  place.thinking = true;
  in.begin_part();
  // Some models write the opening words again, behind those of the prompt.
  const size_t here = in.mark();
  co_await in.skip_space();
  if (const bool yes = co_await in.match_one(without_end_space(form.open)); !yes) in.rewind(here);
  std::vector<std::string_view> ends = {form.close};
  if (format != nullptr && format->ends_reasoning)
    ends.insert(ends.end(), format->triggers.begin(), format->triggers.end());
  const int found = co_await in.until(ends, Channel::kReasoning);
  place.thinking = false;
  in.drop_space();
  in.begin_part();
  if (found > 0) co_await parse_section(in, *format, found - 1);
  in.commit();
  co_return found >= 0;
}

// Reasoning that opens at the begin of a part of the reply.
Co<bool> parse_open_reasoning(Reader& in, const ReasoningForm& form, const ToolFormat* format,
                              Place& place) {
  const size_t here = in.mark();
  co_await in.skip_space();
  if (const bool yes = co_await in.match_one(without_end_space(form.open)); !yes) {
    in.rewind(here);
    co_return false;
  }
  in.commit();
  co_await parse_reasoning(in, form, format, place);
  co_return true;
}

Co<bool> parse_bare_calls(Reader& in, const ToolFormat& format) {
  const size_t here = in.mark();
  co_await in.skip_space();
  const bool begins = co_await in.has_byte() && (in.byte() == '{' || in.byte() == '[');
  in.rewind(here);
  if (begins) co_await parse_section(in, format, -1);
  co_return begins;
}

Co<bool> parse_parts(Reader& in, const ReasoningForm& form, const ToolFormat* format,
                     Place& place) {
  std::vector<std::string_view> words;
  if (format != nullptr) words.assign(format->triggers.begin(), format->triggers.end());
  const size_t n_triggers = words.size();
  words.insert(words.end(), form.around_answer.begin(), form.around_answer.end());
  if (place.thinking) co_await parse_reasoning(in, form, format, place);
  bool part_begins = true;
  bool first = true;
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    if (part_begins) {
      part_begins = co_await parse_open_reasoning(in, form, format, place);
      if (part_begins) continue;
    }
    if (first && format != nullptr && format->only_at_begin) co_await parse_bare_calls(in, *format);
    first = false;
    const int found = co_await in.until(words, Channel::kText);
    if (found < 0) break;
    if (size_t(found) < n_triggers)
      part_begins = co_await parse_section(in, *format, found);
    else
      in.commit();
  }
  co_return true;
}

}  // namespace

struct ReplyParser::State {
  explicit State(ReplyOptions given)
      : options(std::move(given)),
        format(options.format.tools != nullptr ? *options.format.tools : reply::kGeneric),
        form(options.format.reasoning != nullptr ? *options.format.reasoning
                                                 : reply::default_reasoning_form()),
        in(options.tools, options.id_seed),
        parser(start()) {
    parser.start(stack);
    if (format.parse_reply != nullptr) feed_prompt();
  }

  Co<bool> start() {
    if (format.parse_reply != nullptr) return format.parse_reply(in, format);
    const std::string_view tail = options.prompt_tail;
    const size_t open = tail.rfind(without_end_space(form.open));
    const size_t close = tail.rfind(form.close);
    place.thinking =
        open != std::string_view::npos && (close == std::string_view::npos || close < open);
    return parse_parts(in, form, options.tools.empty() ? nullptr : &format, place);
  }

  // Formats with a structure of their own read the begin of the turn too; it gives no events.
  void feed_prompt() {
    const std::string_view tail = options.prompt_tail;
    const size_t begin = tail.rfind(format.reply_begin);
    if (begin == std::string_view::npos) return;
    in.feed(tail.substr(begin));
    stack.run();
    in.take_events();
  }

  std::vector<ReplyEvent> run() {
    stack.run();
    return in.take_events();
  }

  ReplyOptions options;
  const ToolFormat& format;
  const ReasoningForm& form;
  Reader in;
  Place place;
  reply::Stack stack;
  Co<bool> parser;
};

ReplyParser::ReplyParser(ReplyOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
ReplyParser::~ReplyParser() = default;
ReplyParser::ReplyParser(ReplyParser&&) noexcept = default;
ReplyParser& ReplyParser::operator=(ReplyParser&&) noexcept = default;

std::vector<ReplyEvent> ReplyParser::push(std::string_view bytes) {
  if (bytes.empty()) return {};
  state_->in.feed(bytes);
  return state_->run();
}

std::vector<ReplyEvent> ReplyParser::finish() {
  state_->in.end();
  state_->stack.run();
  state_->in.end_reply();
  return state_->in.take_events();
}

bool ReplyParser::thinking() const { return state_->place.thinking || state_->in.reasoning(); }

bool ReplyParser::answering() const {
  return state_->format.parse_reply != nullptr ? state_->in.answering() : !thinking();
}

Reply parse_reply(std::string_view text, const ReplyOptions& options) {
  ReplyParser parser(options);
  ReplyCollector collector;
  collector.add(parser.push(text));
  collector.add(parser.finish());
  return collector.reply();
}

}  // namespace hearth::text

namespace hearth::text::reply {

Co<bool> parse_calls(Reader& in, const ToolFormat& format, int trigger) {
  if (format.json != nullptr) return parse_json_calls(in, format, trigger);
  if (format.named != nullptr) return parse_named_calls(in, format, trigger);
  if (format.tagged != nullptr) return parse_tagged_calls(in, format, trigger);
  return parse_python_calls(in, format, trigger);
}

}  // namespace hearth::text::reply
