// A conversation as a template can take it: messages from JSON as clients send it, and the rules by
// which templates that cannot take something get what means the same. Called by the app and the api
// rooms, before ChatTemplate::render_chat.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/reply/reply_format.h"
#include "text/template.h"

namespace hearth::text {

struct Conversation {
  std::vector<ChatMessage> messages;
  // What else stood in the object: tools, and variables of the template.
  Value tools = nullptr;
  std::vector<std::pair<std::string, Value>> variables;
};

// A list of messages, or {"messages": [...], "tools": [...], variables of the template}. All
// strings but roles and the names of fields are a person's. Errors: kInvalidArgument, with the
// message.
Result<Conversation> conversation_from_json(std::string_view json);

// Changes the messages where the template would fail or leave something out:
//   developer becomes system;
//   a system message goes before the first question, where the template has no place for it;
//   content is "" for none, and none for "" beside calls, as the template wants it;
//   arguments of calls are an object, or JSON text, as the template wants it.
// The value has a sentence for each change that is seen in the prompt.
std::vector<std::string> adapt_conversation(const ReplyFormat& format,
                                            std::vector<ChatMessage>& messages);

// The prompt for a continued answer: the last message's text ends it. REQUIRES: the last message is
// the assistant's, and the template was rendered without generation prompt. Errors: kUnsupported,
// when the template does not write that text as it is.
Result<void> cut_for_continuing(const ChatMessage& last, RenderedChat& chat);

}  // namespace hearth::text
