// ReplyEvent: what a model's reply is made of, in the order in which it comes: text, reasoning,
// tool calls. Made by ReplyParser; every dialect of the server and the terminal write their own
// form of it. Reply: the same, collected.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace hearth::text {

struct ReplyEvent {
  enum class Kind {
    kText,           // `text` belongs to the answer
    kReasoning,      // `text` is what the model thinks
    kCallBegin,      // a tool call: `name`, `id`, `call`
    kCallArguments,  // `text` is the next piece of its arguments: all pieces are one JSON object
    kCallEnd,        // the call is complete
    kCallDropped,    // the call turned out to be none; what was read comes as kText
    kWarning,        // `text` says what is odd, one sentence
  };
  Kind kind = Kind::kText;
  size_t call = 0;  // 0, 1, ...: which call of the reply, for the kinds of calls
  std::string text = {};
  std::string name = {};  // kCallBegin
  std::string id = {};    // kCallBegin: the model's, or one of 9 letters and digits

  bool operator==(const ReplyEvent&) const = default;
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // the JSON text of an object

  bool operator==(const ToolCall&) const = default;
};

struct Reply {
  std::string text;
  std::string reasoning;
  std::vector<ToolCall> calls;
  std::vector<std::string> warnings;

  bool operator==(const Reply&) const = default;
};

// Adds up events, in order, call by call.
class ReplyCollector {
 public:
  void add(std::span<const ReplyEvent> events);
  // What is complete so far.
  [[nodiscard]] const Reply& reply() const { return reply_; }

 private:
  Reply reply_;
  ToolCall open_;
};

}  // namespace hearth::text
