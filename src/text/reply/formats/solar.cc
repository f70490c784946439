// Solar Open: the reply is messages, each with a word for its kind.
//   <|think|>...<|end|><|begin|>assistant<|content|>...<|end|>
//   <|tool_calls|><|tool_call:begin|>ID<|tool_call:name|>f<|tool_call:args|>{"a":
//   1}<|tool_call:end|>
//   ... <|calls|>
#include <array>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMarkers[] = {"<|tool_call:begin|>", "<|tool_call:args|>"};
constexpr std::array<std::string_view, 4> kHeads = {"<|begin|>assistant", "<|think|>",
                                                    "<|content|>", "<|tool_calls|>"};
constexpr std::array<std::string_view, 3> kEnds = {"<|end|>", "<|calls|>", "<|flush|>"};

Co<bool> call(Reader& in) {
  static constexpr std::array<std::string_view, 1> kName = {"<|tool_call:name|>"};
  std::string id;
  std::string name;
  HEARTH_NEED_FOUND(in.collect(kName, id, 256));
  HEARTH_NEED(in.name(name));
  HEARTH_NEED(in.match_one("<|tool_call:args|> "));
  in.begin_call(name, id);
  HEARTH_NEED(in.json_value(nullptr));
  in.end_call();
  co_await in.match_one(" <|tool_call:end|>");
  in.commit();
  co_return true;
}

Co<bool> calls(Reader& in) {
  for (;;) {
    if (const bool more = co_await in.match_one(" <|tool_call:begin|>"); !more) break;
    HEARTH_NEED(call(in));
  }
  co_await in.match(kEnds);
  in.commit();
  co_return true;
}

Co<bool> parse_reply(Reader& in, const ToolFormat&) {
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    const int head = co_await in.match(kHeads);
    if (head == 0) {
      in.commit();
    } else if (head == 3) {
      if (const bool yes = co_await calls(in); !yes)
        in.give_back("a tool call could not be read; its text is part of the answer");
    } else {
      const Channel channel = head == 1 ? Channel::kReasoning : Channel::kText;
      in.commit();
      if (head >= 0) in.begin_part_after_text(channel);
      co_await in.until(kEnds, channel);
      in.end_message();
      in.commit();
    }
  }
  co_return true;
}

constexpr std::string_view kAnswerHeads[] = {"<|content|>"};
constexpr std::string_view kThinkingHeads[] = {"<|think|>"};
constexpr std::string_view kAnswerEnds[] = {"<|end|>", "<|flush|>"};

void describe(const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kJson;
  out.triggers = {"<|tool_calls|>"};
  out.section_open = "<|tool_calls|>";
  out.section_close = "<|calls|>";
  for (const Tool& tool : tools.tools())
    out.calls.push_back(
        {.tool = tool.name,
         .before = "<|tool_call:begin|>",
         .id_pattern = std::string(kIdPattern),
         .before_arguments = "<|tool_call:name|>" + tool.name + "<|tool_call:args|>",
         .after = "<|tool_call:end|>",
         .schema = tool.schema});
}

}  // namespace

extern const ToolFormat kSolar = {
    .name = "solar",
    .families = "Solar Open",
    .markers = kMarkers,
    .reply_begin = "<|begin|>",
    .reasoning_end = "<|end|><|begin|>assistant<|content|>",
    .parse_reply = parse_reply,
    .message_begin = "<|begin|>assistant",
    .answer_heads = kAnswerHeads,
    .thinking_heads = kThinkingHeads,
    .answer_ends = kAnswerEnds,
    .describe = describe,
};

}  // namespace hearth::text::reply
