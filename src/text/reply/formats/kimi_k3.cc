// Kimi K3: the reply is sections between <|open|>NAME<|sep|> and <|close|>NAME<|sep|>: think,
// response, tools, and in it
//   <|open|>call tool="f" index="1"<|sep|>
//     <|open|>argument key="a" type="number"<|sep|>1<|close|>argument<|sep|>
//   <|close|>call<|sep|>
// or <|open|>json type="object"<|sep|>{"a": 1}<|close|>json<|sep|> in place of arguments.
#include <array>
#include <nlohmann/json.hpp>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMarkers[] = {"<|open|>", "<|close|>", "<|sep|>"};
constexpr std::array<std::string_view, 1> kSep = {"<|sep|>"};
constexpr size_t kTagBytesMax = 400;

// The value of NAME="..." in a tag.
std::string attribute(std::string_view tag, std::string_view name) {
  const std::string before = std::string(name) + "=\"";
  const size_t at = tag.find(before);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = tag.substr(at + before.size());
  return std::string(rest.substr(0, rest.find('"')));
}

Co<bool> argument(Reader& in, const std::string& tag) {
  static constexpr std::array<std::string_view, 1> kEnd = {"<|close|>argument<|sep|>"};
  const std::string key = attribute(tag, "key");
  if (key.empty()) co_return false;
  in.arguments(json_string(key) + ": ");
  if (attribute(tag, "type") == "string") {
    in.arguments("\"");
    const int end = co_await in.until(kEnd, Channel::kString);
    in.arguments("\"");
    co_return end == 0;
  }
  std::string value;
  HEARTH_NEED_FOUND(in.collect(kEnd, value, size_t{1} << 24));
  in.arguments(value_json(value, ParameterKind::kNoString));
  co_return true;
}

Co<bool> call(Reader& in, const std::string& tag) {
  static constexpr std::array<std::string_view, 2> kNext = {" <|open|>", " <|close|>call<|sep|>"};
  const std::string name = attribute(tag, "tool");
  if (name.empty()) co_return false;
  in.begin_call(name);
  bool whole = false;
  for (bool first = true;; first = false) {
    const int next = co_await in.match(kNext);
    if (next < 0) co_return false;
    if (first && next == 1) in.arguments("{");
    if (next == 1) break;
    std::string inner;
    HEARTH_NEED_FOUND(in.collect(kSep, inner, kTagBytesMax));
    whole = inner.starts_with("json");
    if (whole) {
      if (const bool yes = !first || !co_await in.json_value(nullptr); yes) co_return false;
      HEARTH_NEED(in.match_one(" <|close|>json<|sep|>"));
      HEARTH_NEED(in.match_one(kNext[1]));
      break;
    }
    in.arguments(first ? "{" : ", ");
    HEARTH_NEED(argument(in, inner));
  }
  if (!whole) in.arguments("}");
  in.end_call();
  co_return true;
}

Co<bool> calls(Reader& in) {
  for (;;) {
    if (const bool more = co_await in.match_one(" <|open|>call"); !more) break;
    std::string tag;
    HEARTH_NEED_FOUND(in.collect(kSep, tag, kTagBytesMax));
    HEARTH_NEED(call(in, tag));
  }
  co_return true;
}

Co<bool> section(Reader& in, const std::string& tag) {
  static constexpr std::array<std::string_view, 1> kThinkEnd = {"<|close|>think<|sep|>"};
  static constexpr std::array<std::string_view, 1> kResponseEnd = {"<|close|>response<|sep|>"};
  if (tag == "think") {
    in.begin_part_after_text(Channel::kReasoning);
    co_await in.until(kThinkEnd, Channel::kReasoning);
    in.end_message();
  } else if (tag == "response") {
    in.begin_part_after_text(Channel::kText);
    co_await in.until(kResponseEnd, Channel::kText);
    in.end_message();
  } else if (const bool yes = tag == "tools" && !co_await calls(in); yes) {
    in.give_back("a tool call could not be read; its text is part of the answer");
  }
  in.commit();
  co_return true;
}

Co<bool> parse_reply(Reader& in, const ToolFormat&) {
  static constexpr std::array<std::string_view, 3> kTags = {"<|open|>", "<|close|>",
                                                            "<|end_of_msg|>"};
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    const int tag = co_await in.until(kTags, Channel::kText);
    std::string name;
    if (tag < 0) break;
    if (const bool yes = tag < 2 && co_await in.collect(kSep, name, kTagBytesMax) < 0; yes) {
      const bool cut = co_await in.at_end();
      if (!cut) in.give_back("a tag could not be read");
      continue;
    }
    in.commit();
    if (tag == 0) co_await section(in, name);
  }
  co_return true;
}

constexpr std::string_view kAnswerHeads[] = {"<|open|>response<|sep|>"};
constexpr std::string_view kThinkingHeads[] = {"<|open|>think<|sep|>"};
constexpr std::string_view kAnswerEnds[] = {"<|close|>", "<|end_of_msg|>"};

// What a tag says of a value that is no string.
std::string type_word(const std::string& schema) {
  const auto json = nlohmann::json::parse(schema, nullptr, false);
  const auto type = json.is_object() ? json.find("type") : json.end();
  if (!json.is_object() || type == json.end() || !type->is_string()) return "object";
  const std::string name = type->get<std::string>();
  return name == "integer" || name == "string" ? "number" : name;
}

void describe(const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kTagged;
  out.triggers = {"<|open|>tools<|sep|>"};
  out.section_open = "<|open|>tools<|sep|>";
  out.section_close = "<|close|>tools<|sep|>";
  for (const Tool& tool : tools.tools()) {
    ToolGrammar::Call call{.tool = tool.name,
                           .before = "<|open|>call tool=\"" + tool.name + "\" index=\"",
                           .id_pattern = "[0-9]+",
                           .before_arguments = "\"<|sep|>",
                           .after = "<|close|>call<|sep|>",
                           .schema = tool.schema};
    for (const Tool::Parameter& parameter : tool.parameters) {
      const std::string key = "<|open|>argument key=\"" + parameter.name + "\" type=\"";
      call.parameters.push_back({.name = parameter.name,
                                 .before = key + type_word(parameter.schema) + "\"<|sep|>",
                                 .before_string = key + "string\"<|sep|>",
                                 .after = "<|close|>argument<|sep|>",
                                 .schema = parameter.schema,
                                 .kind = parameter.kind,
                                 .required = parameter.required});
    }
    out.calls.push_back(std::move(call));
  }
}

}  // namespace

extern const ToolFormat kKimiK3 = {
    .name = "kimi-k3",
    .families = "Kimi K3",
    .markers = kMarkers,
    .reply_begin = "<|open|>message",
    .reasoning_end = "<|close|>think<|sep|><|open|>response<|sep|>",
    .parse_reply = parse_reply,
    .message_begin = "<|open|>message role=\"assistant\"<|sep|>",
    .answer_heads = kAnswerHeads,
    .thinking_heads = kThinkingHeads,
    .answer_ends = kAnswerEnds,
    .describe = describe,
};

}  // namespace hearth::text::reply
