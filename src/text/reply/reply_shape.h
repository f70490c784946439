// ReplyShape: what a grammar must know of a reply around its answer: where the model may think, and
// what stands between it and the answer. Only data, as in tool_grammar.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/reply/reply_format.h"

namespace hearth::text {

struct ReplyShape {
  // A reply of messages on channels:
  //   [message_begin] thinking_head REASONING ... [message_begin] answer_head ANSWER answer_end
  bool on_channels = false;
  std::string message_begin;
  std::vector<std::string> thinking_heads;
  std::vector<std::string> answer_heads;
  std::vector<std::string> answer_ends;  // each is, or begins with, a control token
  // The others: [thinking_open REASONING] [answer_open] ANSWER [answer_close].
  std::string thinking_open;  // empty: the model does not open its reasoning itself
  std::string answer_open;
  std::string answer_close;
  // What of the prompt belongs to the reply's first message (channels).
  std::string begun;
  // Control tokens that begin a call and end the reasoning.
  std::vector<std::string> reasoning_triggers;
};

// prompt_tail: as ReplyOptions has it.
ReplyShape describe_reply(const ReplyFormat& format, std::string_view prompt_tail);

}  // namespace hearth::text
