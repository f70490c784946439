// ChatTemplate: a model's own chat template (the Jinja source in its file), made ready to render
// conversations. Called by the engine and the api rooms. Renders byte for byte what Hugging Face's
// apply_chat_template renders (Jinja 3.1 with trim_blocks, lstrip_blocks, loop controls, {%
// generation %}, its tojson, raise_exception and strftime_now), without any object of the host: a
// template sees only the values it is given.
//
// Thread-safe: a ChatTemplate is immutable; every rendering has its own state.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja_limits.h"
#include "text/jinja_value.h"
#include "text/marked_text.h"

namespace hearth::text {

using jinja::Dict;
using jinja::Value;

// JSON text -> Value with the order of keys kept, for tools and tool calls. Strings are marked as a
// person's.
Result<Value> template_value_from_json(std::string_view json);

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool", ...
  Value content;     // Value::user_text(...), or a list of parts, or none
  std::vector<std::pair<std::string, Value>> fields =
      {};  // tool_calls, reasoning_content, name, ...
};

struct ChatOptions {
  bool add_generation_prompt = true;
  std::string bos_token = {};
  std::string eos_token = {};
  std::optional<bool> enable_thinking = {};  // absent: the template's own default
  Value tools = nullptr;                     // a list of JSON Schema functions, or none
  std::optional<CivilTime> now = {};         // absent: templates find no strftime_now
  std::vector<std::pair<std::string, Value>> variables =
      {};  // chat_template_kwargs; these win over the above
  TemplateLimits limits = {};
};

struct RenderedChat {
  std::string text;
  // The same bytes, cut where their origin changes. Special tokens may be read in those of the
  // template only.
  std::vector<RenderedSegment> segments;
  // [begin, end) of what stood in {% generation %} blocks: the assistant's own words.
  std::vector<std::pair<size_t, size_t>> generated;
};

class ChatTemplate {
 public:
  // kCorrupt with the line and what was expected.
  static Result<ChatTemplate> parse(std::string_view source);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // The general form: `context` holds the template's variables. Errors name the line and the
  // construct.
  [[nodiscard]] Result<RenderedChat> render(const Dict& context, const TemplateLimits& limits,
                                            std::optional<CivilTime> now = std::nullopt) const;

  // A conversation. `tools` and `documents` are none when not given, as Hugging Face has it.
  [[nodiscard]] Result<RenderedChat> render_chat(const std::vector<ChatMessage>& messages,
                                                 const ChatOptions& options) const;

  [[nodiscard]] const std::string& source() const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::unique_ptr<const Parsed> parsed);

  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace hearth::text
