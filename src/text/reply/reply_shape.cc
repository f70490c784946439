#include "text/reply/reply_shape.h"

#include "text/reply/formats/list.h"
#include "text/reply/reasoning_form.h"

namespace hearth::text {
namespace {

std::vector<std::string> texts(reply::Literals literals) {
  return {literals.begin(), literals.end()};
}

void describe_channels(const reply::ToolFormat& format, std::string_view prompt_tail,
                       ReplyShape& out) {
  out.on_channels = true;
  out.message_begin = format.message_begin;
  out.thinking_heads = texts(format.thinking_heads);
  out.answer_heads = texts(format.answer_heads);
  out.answer_ends = texts(format.answer_ends);
  const size_t begin = prompt_tail.rfind(format.reply_begin);
  if (begin != std::string_view::npos) out.begun = prompt_tail.substr(begin);
}

}  // namespace

ReplyShape describe_reply(const ReplyFormat& format, std::string_view prompt_tail) {
  ReplyShape out;
  const reply::ToolFormat& tools = format.tools != nullptr ? *format.tools : reply::kGeneric;
  if (tools.parse_reply != nullptr) {
    describe_channels(tools, prompt_tail, out);
    return out;
  }
  if (tools.ends_reasoning) out.reasoning_triggers = texts(tools.triggers);
  const reply::ReasoningForm& form =
      format.reasoning != nullptr ? *format.reasoning : reply::default_reasoning_form();
  out.answer_open = form.answer_open;
  out.answer_close = form.answer_close;
  const std::string_view open = form.open.substr(0, form.open.find_last_not_of(" \n\r\t") + 1);
  const bool told = prompt_tail.contains(open) || prompt_tail.contains(form.close);
  if (format.reasons && !told) out.thinking_open = open;
  return out;
}

}  // namespace hearth::text
