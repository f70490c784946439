#include "text/template.h"

#include <algorithm>

#include "text/jinja_interpreter.h"
#include "text/jinja_json.h"
#include "text/jinja_parser.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxSourceBytes = 1 << 20;  // the largest template of the field has 20 KiB

// A role is part of what the template writes ('<|' + role + '|>') and so must not count as a
// person's words; only something that looks like a role may do that.
bool is_plain_role(std::string_view role) {
  return std::all_of(role.begin(), role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

struct ChatTemplate::Parsed {
  std::string source;
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return parsed_->source; }

Result<Value> template_value_from_json(std::string_view json) {
  return jinja::value_from_json(json, true);
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes)
    return fail(ErrorCode::kCorrupt, "the chat template is larger than 1 MiB",
                "use another template");
  auto parsed = std::make_unique<Parsed>();
  parsed->source = source;
  HEARTH_ASSIGN(parsed->body, jinja::parse_template(source, TemplateLimits{}.max_depth));
  return ChatTemplate(std::move(parsed));
}

Result<RenderedChat> ChatTemplate::render(const Dict& context, const TemplateLimits& limits,
                                          std::optional<CivilTime> now) const {
  jinja::Interpreter interpreter(limits, now, context);
  HEARTH_ASSIGN(jinja::Rendering rendering, interpreter.run(parsed_->body));
  RenderedChat out;
  out.text = rendering.text.bytes();
  out.segments = rendering.text.segments();
  for (const jinja::ByteRange& r : rendering.generated) out.generated.emplace_back(r.begin, r.end);
  return out;
}

Result<RenderedChat> ChatTemplate::render_chat(const std::vector<ChatMessage>& messages,
                                               const ChatOptions& options) const {
  std::vector<Value> list;
  for (const ChatMessage& message : messages) {
    Dict d;
    d.set("role", Value(MarkedText(message.role, !is_plain_role(message.role))));
    d.set("content", message.content);
    for (const auto& [name, value] : message.fields) d.set(Value(name), value);
    list.push_back(Value::dict(std::move(d)));
  }
  Dict context;
  context.set("messages", Value::list(std::move(list)));
  context.set("tools", options.tools);
  context.set("documents", nullptr);
  context.set("add_generation_prompt", options.add_generation_prompt);
  context.set("bos_token", options.bos_token);
  context.set("eos_token", options.eos_token);
  if (options.enable_thinking) context.set("enable_thinking", *options.enable_thinking);
  for (const auto& [name, value] : options.variables) context.set(Value(name), value);
  return render(context, options.limits, options.now);
}

}  // namespace hearth::text
