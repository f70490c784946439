// ReplyParser: a model's reply, as text, to events: answer, reasoning, tool calls. Called by
// whoever generates: the terminal, and the server's dialects. What it finds does not depend on how
// the text is cut into pieces. Any text is taken: what does not parse is text, with a warning.
//
// The text must hold the control tokens (DecodeOptions::render_special), without the one that ended
// generation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply/event.h"
#include "text/reply/reply_format.h"
#include "text/reply/tool_list.h"

namespace hearth::text {

struct ReplyOptions {
  ReplyFormat format = {};
  ToolList tools = {};  // none: nothing in the reply is a call
  // The end of the prompt, from the reply's own turn on (reply_prompt_tail): says whether the model
  // is thinking already.
  std::string prompt_tail = {};
  uint64_t id_seed = 0;  // calls without an id of the model's get one from this
};

class ReplyParser {
 public:
  explicit ReplyParser(ReplyOptions options);
  ~ReplyParser();
  ReplyParser(ReplyParser&&) noexcept;
  ReplyParser& operator=(ReplyParser&&) noexcept;

  // What is certain after these bytes. Linear in the length of the reply, in all.
  std::vector<ReplyEvent> push(std::string_view bytes);
  // The end of the reply. Nothing may be pushed after it.
  std::vector<ReplyEvent> finish();

  // Whether what comes next belongs to the reasoning, as far as one can know: for budgets.
  [[nodiscard]] bool thinking() const;
  // Whether what comes next is, or may be, the answer's text. In a reply on channels: whether a
  // message of the answer has begun and not ended; in others all that is not reasoning.
  [[nodiscard]] bool answering() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The whole reply at once.
Reply parse_reply(std::string_view text, const ReplyOptions& options);

}  // namespace hearth::text
