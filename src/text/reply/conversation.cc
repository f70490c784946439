#include "text/reply/conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja_json.h"
#include "text/jinja_limits.h"

namespace hearth::text {
namespace {

Result<ChatMessage> read_message(const Value& item, size_t index) {
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("message {}: {}", index + 1, what),
                R"(a message is {"role": "user", "content": "..."})");
  };
  if (!item.is_dict()) return wrong("it is not a JSON object");
  const Value* const role = item.as_dict().get("role");
  if (role == nullptr || !role->is_string() || role->bytes().empty())
    return wrong("it has no role");
  ChatMessage message{.role = role->bytes(), .content = nullptr};
  for (const auto& [key, value] : item.as_dict().entries()) {
    const std::string& name = key.bytes();
    if (name == "content")
      message.content = value;
    else if (name != "role")
      message.fields.emplace_back(name, value);
  }
  return message;
}

const Value* field(const ChatMessage& message, std::string_view name) {
  for (const auto& [key, value] : message.fields)
    if (key == name) return &value;
  return nullptr;
}

bool has_calls(const ChatMessage& message) {
  const Value* const calls = field(message, "tool_calls");
  return calls != nullptr && calls->is_sequence() && !calls->sequence().items.empty();
}

// `dict` with another value at `key`.
Value with(const Dict& dict, std::string_view key, Value value) {
  Dict copy;
  for (const auto& [name, old] : dict.entries())
    copy.set(name, name.is_string() && name.bytes() == key ? value : old);
  return Value::dict(std::move(copy));
}

// As JSON text.
std::string value_json_text(const Value& value) {
  const TemplateLimits limits;
  jinja::Runtime rt(limits, std::nullopt);
  MarkedText out;
  jinja::write_json(rt, value, {}, out);
  return out.bytes();
}

Value adapted_arguments(const Value& arguments, bool as_text) {
  if (arguments.is_string() && !as_text) {
    auto object = template_value_from_json(arguments.bytes());
    return object && object->is_dict() ? *object : arguments;
  }
  if (arguments.is_dict() && as_text) return Value::user_text(value_json_text(arguments));
  return arguments;
}

Value adapted_call(const Value& call, bool as_text) {
  if (!call.is_dict()) return call;
  const Value* const function = call.as_dict().get("function");
  const bool inner = function != nullptr && function->is_dict();
  const Dict& holder = inner ? function->as_dict() : call.as_dict();
  const Value* const arguments = holder.get("arguments");
  if (arguments == nullptr) return call;
  Value changed = with(holder, "arguments", adapted_arguments(*arguments, as_text));
  return inner ? with(call.as_dict(), "function", std::move(changed)) : changed;
}

void adapt_calls(ChatMessage& message, const ReplyFormat& format) {
  for (auto& [name, value] : message.fields) {
    if (name != "tool_calls" || !value.is_sequence()) continue;
    std::vector<Value> calls;
    for (const Value& call : value.sequence().items)
      calls.push_back(adapted_call(call, format.arguments_as_text));
    value = Value::list(std::move(calls));
  }
  const bool empty = message.content.is_none() || message.content.is_undefined() ||
                     (message.content.is_string() && message.content.bytes().empty());
  if (!empty) return;
  message.content = format.calls_without_content ? Value(nullptr) : Value("");
}

// The system message's text and an empty line before that of the first question.
bool fold_system(std::vector<ChatMessage>& messages) {
  if (messages.size() < 2 || messages[0].role != "system" || messages[1].role != "user")
    return false;
  if (!messages[0].content.is_string() || !messages[1].content.is_string()) return false;
  MarkedText text = messages[0].content.text();
  if (!text.empty()) text.append("\n\n");
  text.append(messages[1].content.text());
  messages[1].content = Value(std::move(text));
  messages.erase(messages.begin());
  return true;
}

}  // namespace

Result<Conversation> conversation_from_json(std::string_view json) {
  HEARTH_ASSIGN(const Value root, template_value_from_json(json));
  Conversation out;
  const Value* list = &root;
  if (root.is_dict()) {
    list = root.as_dict().get("messages");
    for (const auto& [key, value] : root.as_dict().entries()) {
      if (key.bytes() == "tools")
        out.tools = value;
      else if (key.bytes() != "messages")
        out.variables.emplace_back(key.bytes(), value);
    }
  }
  if (list == nullptr || !list->is_sequence())
    return fail(ErrorCode::kInvalidArgument, "there is no list of messages",
                R"(write [{"role": "user", "content": "..."}, ...])");
  for (const Value& item : list->sequence().items) {
    HEARTH_ASSIGN(ChatMessage message, read_message(item, out.messages.size()));
    out.messages.push_back(std::move(message));
  }
  return out;
}

std::vector<std::string> adapt_conversation(const ReplyFormat& format,
                                            std::vector<ChatMessage>& messages) {
  std::vector<std::string> notes;
  for (ChatMessage& message : messages) {
    if (message.role == "developer" && !format.knows_developer) message.role = "system";
    if (has_calls(message))
      adapt_calls(message, format);
    else if (message.content.is_none())
      message.content = Value("");
  }
  if (!format.knows_system && fold_system(messages))
    notes.emplace_back(
        "the model's chat template has no place for a system message: it goes before the first "
        "question");
  return notes;
}

Result<void> cut_for_continuing(const ChatMessage& last, RenderedChat& chat) {
  const auto wrong = [](const char* what) {
    return fail(ErrorCode::kUnsupported, fmt::format("the answer cannot be continued: {}", what),
                "end the conversation with an assistant message that has text");
  };
  if (last.role != "assistant" || !last.content.is_string())
    return wrong("the last message is not a text of the assistant");
  std::string_view text = last.content.bytes();
  size_t at = chat.text.rfind(text);
  if (at == std::string::npos) {  // most templates trim
    const size_t begin = text.find_first_not_of(" \n\r\t");
    if (begin == std::string_view::npos) return wrong("it is empty");
    text = text.substr(begin, text.find_last_not_of(" \n\r\t") + 1 - begin);
    at = chat.text.rfind(text);
  }
  if (text.empty() || at == std::string::npos)
    return wrong("the template does not write it as it is");
  size_t left = at + text.size();
  chat.text.resize(left);
  std::vector<RenderedSegment> segments;
  for (RenderedSegment& segment : chat.segments) {
    if (left == 0) break;
    segment.text.resize(std::min(left, segment.text.size()));
    left -= segment.text.size();
    segments.push_back(std::move(segment));
  }
  chat.segments = std::move(segments);
  return {};
}

}  // namespace hearth::text
