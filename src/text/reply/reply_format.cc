#include "text/reply/reply_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <tuple>

#include "text/reply/formats/list.h"
#include "text/reply/reasoning_form.h"
#include "text/reply/reply_parser.h"

namespace hearth::text {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kProbeEos = "</s>";
constexpr std::string_view kLevels[] = {"minimal", "low", "medium", "high", "xhigh", "max"};

// One of everything that formats write differently: quotes, a line break, numbers, words, a list.
constexpr std::string_view kProbeTools = R"([
{"type": "function", "function": {"name": "get_weather", "description": "weather", "parameters":
 {"type": "object", "properties": {
  "city": {"type": "string", "description": "c"}, "days": {"type": "integer", "description": "d"},
  "ok": {"type": "boolean", "description": "o"},
  "list": {"type": "array", "items": {}, "description": "l"}},
  "required": ["city"], "additionalProperties": false}}},
{"type": "function", "function": {"name": "other_tool", "description": "other", "parameters":
 {"type": "object", "properties": {"x": {"type": "string", "description": "x"}}, "required": [],
  "additionalProperties": false}}}])";
constexpr std::string_view kProbeArguments[] = {
    R"({"city": "An \"é\"\nb", "days": 3, "ok": true, "list": [1, "b"]})", R"({"x": "1"})"};
constexpr std::string_view kProbeNames[] = {"get_weather", "other_tool"};
constexpr std::string_view kProbeIds[] = {"abcdef123", "abcdef124"};

struct Probe {
  size_t n_calls;
  bool as_text;     // arguments as JSON text, not as an object
  bool no_content;  // none in place of an empty content
};

ChatOptions probe_options(const ToolList* tools) {
  ChatOptions options;
  options.bos_token = "<s>";
  options.eos_token = kProbeEos;
  // Some dozen renderings of tiny conversations: a template that needs more has other aims.
  options.limits = {.max_steps = 1'000'000, .max_output_bytes = 4u << 20};
  options.now = CivilTime{2026, 1, 2, 3, 4, 5};
  if (tools != nullptr) options.tools = tools->value();
  // Some templates ask for the tools under a name of their own.
  if (tools != nullptr) options.variables = {{"functions", Value(std::string(kProbeTools))}};
  return options;
}

ChatMessage user_message() {
  return {.role = "user", .content = Value::user_text("Which tools are there?")};
}

std::optional<std::string> render(const ChatTemplate& chat_template,
                                  const std::vector<ChatMessage>& messages,
                                  const ChatOptions& options) {
  auto rendered = chat_template.render_chat(messages, options);
  if (!rendered) return std::nullopt;
  return std::move(rendered->text);
}

size_t common_prefix(std::string_view a, std::string_view b) {
  return size_t(std::ranges::mismatch(a, b).in1 - a.begin());
}

ChatMessage call_message(const Probe& probe) {
  std::vector<Value> calls;
  for (size_t i = 0; i < probe.n_calls; ++i) {
    Dict function;
    function.set("name", std::string(kProbeNames[i]));
    if (probe.as_text)
      function.set("arguments", std::string(kProbeArguments[i]));
    else
      function.set("arguments", *template_value_from_json(kProbeArguments[i]));
    Dict call;
    call.set("id", std::string(kProbeIds[i]));
    call.set("type", "function");
    call.set("function", Value::dict(std::move(function)));
    calls.push_back(Value::dict(std::move(call)));
  }
  return {.role = "assistant",
          .content = probe.no_content ? Value(nullptr) : Value(""),
          .fields = {{"tool_calls", Value::list(std::move(calls))}}};
}

bool are_probe_calls(const std::vector<ToolCall>& calls, size_t n_calls) {
  if (calls.size() != n_calls) return false;
  for (size_t i = 0; i < n_calls; ++i) {
    const Json arguments = Json::parse(calls[i].arguments, nullptr, false);
    if (calls[i].name != kProbeNames[i] || arguments != Json::parse(kProbeArguments[i]))
      return false;
  }
  return true;
}

// What a template wrote of calls, cut like a prompt and a reply.
struct Written {
  std::string prompt_tail;
  std::string reply;
};

std::optional<Written> written_calls(const ChatTemplate& chat_template, const ToolList& tools,
                                     const Probe& probe) {
  ChatOptions options = probe_options(&tools);
  const auto prompt = render(chat_template, {user_message()}, options);
  options.add_generation_prompt = false;
  const auto before = render(chat_template, {user_message()}, options);
  const auto all = render(chat_template, {user_message(), call_message(probe)}, options);
  if (!prompt || !before || !all) return std::nullopt;
  const size_t turn = common_prefix(*all, *before);
  const std::string_view added = std::string_view(*all).substr(turn);
  const std::string tail = reply_prompt_tail(*prompt, *before);
  // Not in the middle of a word that both begin with ("<think>", "<tool_call>").
  size_t shared = common_prefix(added, tail);
  while (shared > 0 && shared < tail.size() &&
         !std::string_view(">\n]: ").contains(tail[shared - 1]))
    --shared;
  return Written{std::string(added.substr(0, shared)), std::string(added.substr(shared))};
}

bool detect_by_rendering(const ChatTemplate& chat_template, const ToolList& tools,
                         ReplyFormat& format) {
  constexpr Probe kProbes[] = {{2, false, false}, {2, false, true},  {2, true, false},
                               {2, true, true},   {1, false, false}, {1, false, true},
                               {1, true, false},  {1, true, true}};
  for (const Probe& probe : kProbes) {
    const auto written = written_calls(chat_template, tools, probe);
    if (!written) continue;
    for (const reply::ToolFormat* candidate : reply::tool_formats()) {
      ReplyFormat tried = format;
      tried.tools = candidate;
      const Reply reply = parse_reply(
          written->reply,
          {.format = std::move(tried), .tools = tools, .prompt_tail = written->prompt_tail});
      if (!are_probe_calls(reply.calls, probe.n_calls)) continue;
      format.tools = candidate;
      format.template_shows_calls = true;
      format.arguments_as_text = probe.as_text;
      format.calls_without_content = probe.no_content;
      return true;
    }
  }
  return false;
}

void detect_by_source(std::string_view source, ReplyFormat& format) {
  for (const reply::ToolFormat* candidate : reply::tool_formats()) {
    if (candidate->markers.empty()) continue;
    const bool all = std::ranges::all_of(candidate->markers, [&](std::string_view marker) {
      return source.find(marker) != std::string_view::npos;
    });
    if (!all) continue;
    format.tools = candidate;
    return;
  }
  format.tools = &reply::kGeneric;
}

void detect_roles(const ChatTemplate& chat_template, ReplyFormat& format) {
  constexpr const char* kWord = "Xylophone.";
  const auto knows = [&](const char* role) {
    const auto text = render(chat_template, {{.role = role, .content = kWord}, user_message()},
                             probe_options(nullptr));
    return text && text->contains(kWord);
  };
  const bool works = render(chat_template, {user_message()}, probe_options(nullptr)).has_value();
  format.knows_system = knows("system") || !works;
  format.knows_developer = chat_template.source().contains("developer") && knows("developer");
}

void detect_turn_end(const ChatTemplate& chat_template, ReplyFormat& format) {
  constexpr std::string_view kAnswer = "Xylophone.";
  constexpr size_t kBytesMax = 100;
  ChatOptions options = probe_options(nullptr);
  options.add_generation_prompt = false;
  const auto text = render(
      chat_template,
      {user_message(), {.role = "assistant", .content = std::string(kAnswer)}, user_message()},
      options);
  const size_t at = text ? text->rfind(kAnswer) : std::string::npos;
  if (at == std::string::npos) return;
  std::string_view rest = std::string_view(*text).substr(at + kAnswer.size(), kBytesMax);
  const auto skip_space = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \n\r\t"), rest.size()));
  };
  skip_space();
  if (format.reasoning != nullptr)
    for (const std::string_view word : format.reasoning->around_answer)
      if (rest.starts_with(word)) rest.remove_prefix(word.size()), skip_space();
  format.turn_end = rest;
}

std::string_view trimmed_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \n\r\t") + 1);
}

// The source, and what it writes of reasoning: some templates put the words together.
std::string everything_about_reasoning(const ChatTemplate& chat_template) {
  std::string all = chat_template.source();
  ChatMessage answer = {.role = "assistant", .content = "A."};
  for (const char* name : {"reasoning_content", "thinking", "reasoning"})
    answer.fields.emplace_back(name, "R.");
  for (const bool think : {false, true}) {
    ChatOptions options = probe_options(nullptr);
    options.enable_thinking = think;
    all += render(chat_template, {user_message()}, options).value_or("");
    all += render(chat_template, {user_message(), answer}, options).value_or("");
  }
  return all;
}

void detect_reasoning(const ChatTemplate& chat_template, ReplyFormat& format) {
  const std::string all = everything_about_reasoning(chat_template);
  const auto has = [&](std::string_view words) { return all.find(words) != std::string::npos; };
  for (const reply::ReasoningForm& form : reply::reasoning_forms()) {
    if (!has(trimmed_end(form.open)) || !has(form.close)) continue;
    if (!has(form.marker)) continue;
    format.reasoning = &form;
    format.reasons = true;
    return;
  }
}

// --- the switch ---

using Variables = ThinkingSwitch::Variables;

class SwitchFinder {
 public:
  explicit SwitchFinder(const ChatTemplate& chat_template) : template_(chat_template) {
    base_ = prompt({});
  }

  ThinkingSwitch find() {
    for (const auto& [name, on, off] : std::to_array<std::tuple<const char*, Value, Value>>({
             {"enable_thinking", true, false},
             {"thinking", true, false},
             {"thinking_mode", "enabled", "disabled"},
             {"thinking_mode", "thinking", "chat"},
             {"enable_reasoning", true, false},
             {"reasoning", true, false},
         }))
      if (!found_.on) try_pair(name, on, off);
    for (const char* name : {"reasoning_effort", "thinking_effort", "reasoning_strength"})
      if (found_.levels.empty()) try_levels(name);
    try_budget();
    try_phrases();
    return std::move(found_);
  }

 private:
  std::optional<std::string> prompt(const Variables& variables) const {
    ChatOptions options = probe_options(nullptr);
    options.variables = variables;
    return render(template_, {user_message()}, options);
  }

  void try_pair(const char* name, const Value& on, const Value& off) {
    const auto with = prompt({{name, on}});
    const auto without = prompt({{name, off}});
    if (!with || !without || *with == *without) return;
    found_.on = Variables{{name, on}};
    found_.off = Variables{{name, off}};
  }

  [[nodiscard]] bool names(std::string_view level) const {
    const std::string& source = template_.source();
    return source.find(fmt::format("'{}'", level)) != std::string::npos ||
           source.find(fmt::format("\"{}\"", level)) != std::string::npos;
  }

  void try_levels(const char* name) {
    const Variables on = found_.on.value_or(Variables{});
    const auto with = [&](std::string_view level) {
      Variables variables = on;
      variables.emplace_back(name, std::string(level));
      return variables;
    };
    const auto low = prompt(with("low"));
    const auto high = prompt(with("high"));
    if (!low || !high || (*low == *high && *low == prompt(on))) return;
    for (const std::string_view level : kLevels) {
      const bool usual = level == "low" || level == "medium" || level == "high";
      if ((usual || names(level)) && prompt(with(level)))
        found_.levels.emplace_back(level, with(level));
    }
    if (found_.off) return;
    for (const char* level : {"none", "no_think"}) {
      const auto off = prompt({{name, level}});
      if (!names(level) || !off || *off == *high) continue;
      found_.off = Variables{{name, level}};
      found_.on = Variables{{name, "high"}};
      return;
    }
  }

  void try_budget() {
    constexpr const char* kName = "thinking_budget";
    const auto some = prompt({{kName, 512}});
    const auto none = prompt({{kName, 0}});
    if (!some || !none || *some == *none) return;
    found_.budget_variable = kName;
    if (found_.off) return;
    found_.off = Variables{{kName, 0}};
    found_.on = Variables{};
  }

  void try_phrases() {
    const std::string& source = template_.source();
    if (found_.off) return;
    if (source.find("/no_think") != std::string::npos) {
      found_.on_phrase = "/think";
      found_.off_phrase = "/no_think";
    } else if (source.find("detailed thinking") != std::string::npos) {
      found_.on_phrase = "detailed thinking on";
      found_.off_phrase = "detailed thinking off";
    }
  }

  const ChatTemplate& template_;
  std::optional<std::string> base_;
  ThinkingSwitch found_;
};

void add_phrase(const std::string& phrase, std::vector<ChatMessage>& messages) {
  if (!messages.empty() && messages.front().role == "system") {
    if (!messages.front().content.is_string()) return;
    MarkedText text = messages.front().content.text();
    text.append(text.empty() ? phrase : "\n" + phrase);
    messages.front().content = Value(std::move(text));
    return;
  }
  messages.insert(messages.begin(), {.role = "system", .content = phrase});
}

void add_variables(const Variables& variables, ChatOptions& options) {
  for (const auto& variable : variables) options.variables.push_back(variable);
}

// A control token; or one that a file gives as user-defined, as many do, and that looks like one.
// The eos of the probe is what the file declares, or, like Gemma's, a tag of HTML.
bool is_marker(const Tokenizer& tokenizer, int32_t id) {
  if (tokenizer.is_control(id)) return true;
  const std::string_view word = tokenizer.piece(id);
  return tokenizer.vocab().type(id) == TokenType::kUserDefined && word.size() > 2 &&
         word != kProbeEos && std::string_view("<[").contains(word.front()) &&
         std::string_view(">]").contains(word.back());
}

}  // namespace

std::string_view ReplyFormat::tool_format_name() const {
  return tools == nullptr ? reply::kGeneric.name : tools->name;
}

std::string_view ReplyFormat::reasoning_form_name() const {
  if (tools != nullptr && tools->parse_reply != nullptr && !tools->reasoning_end.empty())
    return tools->name;
  return reasoning == nullptr ? reply::default_reasoning_form().name : reasoning->name;
}

std::string ReplyFormat::reasoning_end() const {
  if (tools != nullptr && tools->parse_reply != nullptr && !tools->reasoning_end.empty())
    return std::string(tools->reasoning_end);
  const reply::ReasoningForm& form =
      reasoning == nullptr ? reply::default_reasoning_form() : *reasoning;
  // The tags stand on lines of their own, where the opening one does.
  return form.close == "</think>" ? "\n</think>\n\n" : std::string(form.close);
}

std::string reply_prompt_tail(std::string_view prompt, std::string_view before) {
  return std::string(prompt.substr(common_prefix(prompt, before)));
}

int32_t turn_end_token(const ReplyFormat& format, const Tokenizer& tokenizer) {
  if (format.tools != nullptr && format.tools->parse_reply != nullptr) return -1;
  const auto ids = tokenizer.encode(format.turn_end, {.add_special = false, .parse_special = true});
  if (!ids || ids->empty()) return -1;
  const std::string_view word = tokenizer.piece(ids->front());
  if (!format.turn_end.starts_with(word) || !is_marker(tokenizer, ids->front())) return -1;
  // GigaChat writes calls behind it.
  if (format.tools != nullptr)
    for (const std::string_view trigger : format.tools->triggers)
      if (trigger.starts_with(word)) return -1;
  return ids->front();
}

std::vector<int32_t> end_tokens(const ReplyFormat* format, const Tokenizer& tokenizer) {
  const auto own = tokenizer.eog_ids();
  std::vector<int32_t> ends(own.begin(), own.end());
  const int32_t id = format == nullptr ? -1 : turn_end_token(*format, tokenizer);
  const auto at = std::ranges::lower_bound(ends, id);
  if (id >= 0 && (at == ends.end() || *at != id)) ends.insert(at, id);
  return ends;
}

ReplyFormat detect_reply_format(const ChatTemplate& chat_template) {
  static const ToolList kTools = *ToolList::parse(kProbeTools);
  ReplyFormat format;
  detect_reasoning(chat_template, format);
  detect_roles(chat_template, format);
  const auto with_tools = render(chat_template, {user_message()}, probe_options(&kTools));
  format.template_shows_tools = with_tools && with_tools->contains("get_weather");
  if (!detect_by_rendering(chat_template, kTools, format))
    detect_by_source(chat_template.source(), format);
  if (format.tools->parse_reply != nullptr && !format.tools->reasoning_end.empty())
    format.reasons = true;
  detect_turn_end(chat_template, format);
  format.thinking = SwitchFinder(chat_template).find();
  return format;
}

Result<ThinkRequest> ThinkRequest::parse(std::string_view text) {
  ThinkRequest request;
  if (text == "on" || text == "true" || text == "yes") {
    request.mode = Mode::kOn;
  } else if (text == "off" || text == "false" || text == "no" || text == "none") {
    request.mode = Mode::kOff;
  } else if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), request.budget);
    if (error != std::errc() || end != text.data() + text.size())
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is no number of tokens to think for", text));
    request.mode = request.budget == 0 ? Mode::kOff : Mode::kOn;
    if (request.budget == 0) request.budget = -1;
  } else if (std::ranges::find(kLevels, text) != std::end(kLevels)) {
    request.mode = Mode::kLevel;
    request.level = text;
  } else {
    return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' says not how to think", text),
                "use on, off, low, medium, high, or a number of tokens");
  }
  return request;
}

std::string apply_thinking(const ReplyFormat& format, const ThinkRequest& request,
                           ChatOptions& options, std::vector<ChatMessage>& messages) {
  const ThinkingSwitch& control = format.thinking;
  using Mode = ThinkRequest::Mode;
  if (!control.budget_variable.empty() && request.budget >= 0)
    options.variables.emplace_back(control.budget_variable, request.budget);
  if (request.mode == Mode::kDefault) return {};
  if (request.mode == Mode::kOff) {
    if (control.off) {
      add_variables(*control.off, options);
      return {};
    }
    if (!control.off_phrase.empty()) {
      add_phrase(control.off_phrase, messages);
      return {};
    }
    if (!format.reasons) return {};
    if (!control.levels.empty()) {
      add_variables(control.levels.front().second, options);
      return fmt::format("this model always thinks; it is asked for the least ({})",
                         control.levels.front().first);
    }
    return "this model's template cannot turn thinking off";
  }
  if (request.mode == Mode::kLevel) {
    for (const auto& [name, variables] : control.levels) {
      if (name != request.level) continue;
      add_variables(variables, options);
      return {};
    }
  }
  if (control.on)
    add_variables(*control.on, options);
  else if (!control.on_phrase.empty())
    add_phrase(control.on_phrase, messages);
  if (!format.reasons) return "this model's template knows no thinking";
  if (request.mode == Mode::kLevel)
    return fmt::format("this model's template has no level '{}' of thinking; it is turned on",
                       request.level);
  return {};
}

}  // namespace hearth::text
