// gpt-oss: the reply is messages on channels.
//   <|channel|>analysis<|message|>...<|end|>                                        reasoning
//   <|start|>assistant<|channel|>final<|message|>...<|return|>                      the answer
//   <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a":
//   1}<|call|>
#include <array>

#include "text/reply/formats/list.h"
#include "text/reply/tool_grammar.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMarkers[] = {"<|channel|>", "<|message|>"};
constexpr std::array<std::string_view, 2> kHeaderBegin = {"<|start|>", "<|channel|>"};
constexpr std::array<std::string_view, 1> kHeaderEnd = {"<|message|>"};
constexpr std::array<std::string_view, 5> kBodyEnd = {"<|end|>", "<|return|>", "<|call|>",
                                                      "<|start|>", "<|channel|>"};
constexpr size_t kHeaderBytesMax = 400;

// The word behind `before`.
std::string word_after(std::string_view text, std::string_view before) {
  const size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + before.size());
  return std::string(rest.substr(0, rest.find_first_of(" <\n")));
}

Co<bool> call_body(Reader& in, const std::string& recipient) {
  constexpr std::string_view kFunctions = "functions.";
  const bool function = recipient.starts_with(kFunctions);
  const std::string name = function ? recipient.substr(kFunctions.size()) : recipient;
  co_await in.skip_space();
  if (const bool yes = name.empty() || !co_await in.has_byte(); yes) co_return false;
  in.begin_call(name);
  std::string value;
  if (in.byte() == '{') {
    HEARTH_NEED(in.json_value(nullptr));
  } else {
    HEARTH_NEED(in.json_value(&value));
    if (!pass_arguments(in, value)) co_return false;
  }
  in.end_call();
  co_return true;
}

// What follows <|message|>. Returns whether the words of the next header have been taken.
Co<bool> body(Reader& in, const std::string& header) {
  const std::string recipient = word_after(header, "to=");
  Channel channel = Channel::kText;
  if (!recipient.empty()) {
    if (const bool yes = co_await call_body(in, recipient); !yes)
      in.give_back("a tool call could not be read; its text is part of the answer");
    else
      channel = Channel::kNone;
  } else if (header.find("analysis") != std::string::npos) {
    channel = Channel::kReasoning;
  }
  in.begin_part_after_text(channel);
  const int end = co_await in.until(kBodyEnd, channel);
  in.end_message();
  in.commit();
  co_return end >= 3;
}

Co<bool> parse_reply(Reader& in, const ToolFormat&) {
  bool in_header = false;
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    std::string header;
    if (const bool yes = !in_header && co_await in.match(kHeaderBegin) < 0; yes) {
      // No header at all: the answer itself.
      in_header = co_await in.until(kBodyEnd, Channel::kText) >= 3;
      in.commit();
      continue;
    }
    in_header = false;
    if (const int found = co_await in.collect(kHeaderEnd, header, kHeaderBytesMax); found < 0) {
      const bool cut = co_await in.at_end();
      if (!cut) in.give_back("the header of a message could not be read");
      continue;
    }
    in.commit();
    in_header = co_await body(in, header);
  }
  co_return true;
}

constexpr std::string_view kAnswerHeads[] = {"<|channel|>final<|message|>"};
constexpr std::string_view kThinkingHeads[] = {"<|channel|>analysis<|message|>"};
constexpr std::string_view kAnswerEnds[] = {"<|return|>", "<|end|>", "<|call|>"};

// The recipient stands in the channel's header, or before it.
void describe(const ToolList& tools, ToolGrammar& out) {
  constexpr std::array<std::string_view, 2> kCallHeads = {"<|channel|>commentary to=functions.",
                                                          "<|channel|>analysis to=functions."};
  constexpr std::string_view kEarlyHead = "<|start|>assistant to=functions.";
  constexpr std::array<std::string_view, 3> kHeadEnds = {" <|constrain|>json<|message|>",
                                                         "<|message|>", " json<|message|>"};
  out.kind = ToolGrammar::Kind::kJson;
  for (const std::string_view head : kCallHeads) out.triggers.emplace_back(head);
  out.triggers.emplace_back(kEarlyHead);
  for (const Tool& tool : tools.tools())
    for (const std::string_view end : kHeadEnds) {
      const auto add = [&](std::string before) {
        out.calls.push_back({.tool = tool.name,
                             .before = std::move(before),
                             .before_arguments = std::string(end),
                             .schema = tool.schema});
      };
      for (const std::string_view head : kCallHeads) add(std::string(head) + tool.name);
      add(std::string(kEarlyHead) + tool.name + "<|channel|>commentary");
    }
}

}  // namespace

extern const ToolFormat kHarmony = {
    .name = "harmony",
    .families = "gpt-oss",
    .markers = kMarkers,
    .reply_begin = "<|start|>",
    .reasoning_end = "<|end|><|start|>assistant<|channel|>final<|message|>",
    .parse_reply = parse_reply,
    .message_begin = "<|start|>assistant",
    .answer_heads = kAnswerHeads,
    .thinking_heads = kThinkingHeads,
    .answer_ends = kAnswerEnds,
    .describe = describe,
};

}  // namespace hearth::text::reply
