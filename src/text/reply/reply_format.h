// ReplyFormat: how a model writes reasoning and tool calls, and how it is told to think, found from
// its chat template: by what the template does with calls and switches (it is rendered with some),
// and by its source where it does nothing with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/reply/tool_list.h"
#include "text/template.h"
#include "text/tokenizer.h"

namespace hearth::text {

namespace reply {
struct ToolFormat;
struct ReasoningForm;
}  // namespace reply

// How a template is told to think or not: variables, or words in the system message.
struct ThinkingSwitch {
  using Variables = std::vector<std::pair<std::string, Value>>;
  std::optional<Variables> on;   // what turns it on; empty: it is on by default
  std::optional<Variables> off;  // nothing: it cannot be turned off
  std::vector<std::pair<std::string, Variables>>
      levels;                   // "low", "medium", ... and their variables
  std::string budget_variable;  // takes the number of tokens; empty: there is none
  std::string on_phrase;        // in the system message, where no variable does it
  std::string off_phrase;
};

struct ReplyFormat {
  const reply::ToolFormat* tools = nullptr;         // nothing: the generic one
  const reply::ReasoningForm* reasoning = nullptr;  // nothing: <think>
  bool template_shows_tools = false;                // the template puts tools into the prompt
  bool template_shows_calls = false;                // and calls, read back as they were
  bool arguments_as_text = false;      // the template wants a call's arguments as JSON text
  bool calls_without_content = false;  // beside calls, an empty content must be none
  bool knows_system = true;            // the template has a place for a system message
  bool knows_developer = false;        // and for one of the role "developer"
  std::string turn_end;                // what the template writes behind an answer: its first bytes
  bool reasons = false;                // the template has words for reasoning
  ThinkingSwitch thinking;

  [[nodiscard]] std::string_view tool_format_name() const;
  [[nodiscard]] std::string_view reasoning_form_name() const;
  // What ends the reasoning when it is cut off (a budget): as text with control tokens.
  [[nodiscard]] std::string reasoning_end() const;
};

// The control token with which the template ends an answer, or -1. Where replies go on behind such
// a token (channels) there is none.
int32_t turn_end_token(const ReplyFormat& format, const Tokenizer& tokenizer);

// All tokens that end generation, ascending: the vocabulary's own, by metadata and by text, and the
// template's. `format`: null where there is no template.
std::vector<int32_t> end_tokens(const ReplyFormat* format, const Tokenizer& tokenizer);

// Renders the template some dozen times on tiny conversations.
ReplyFormat detect_reply_format(const ChatTemplate& chat_template);

// The part of a prompt that belongs to the reply's own turn: what the generation prompt adds, and
// the begin of an answer that is continued. `prompt` ends where generation begins; `before` is the
// same conversation without its generation prompt (and the continued message).
std::string reply_prompt_tail(std::string_view prompt, std::string_view before);

// What a person or client asks for.
struct ThinkRequest {
  enum class Mode { kDefault, kOff, kOn, kLevel };
  Mode mode = Mode::kDefault;
  std::string level = {};  // kLevel: "low", "medium", "high", or what the template knows
  int64_t budget = -1;     // tokens of reasoning; -1: no bound

  // "on", "off", a level, or a number of tokens. Errors: kInvalidArgument.
  static Result<ThinkRequest> parse(std::string_view text);

  bool operator==(const ThinkRequest&) const = default;
};

// Adds to the options and messages what makes the template do as asked. The value is what the
// person should hear where the template cannot (empty: all is as asked).
std::string apply_thinking(const ReplyFormat& format, const ThinkRequest& request,
                           ChatOptions& options, std::vector<ChatMessage>& messages);

}  // namespace hearth::text
