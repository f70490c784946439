// Muse Glimmer: the reply is messages to somebody.
//    to=self<|message|>...<|eom|>                                                     reasoning
//   <|start|>assistant to=user<|message|>...<|eot|>                                   the answer
//   <|start|>assistant to=f<|message|><atem:function_calls>
//   <atem:invoke name="f">
//   <atem:parameter name="a">1</atem:parameter>
//   </atem:invoke>
//   </atem:function_calls><|eom|>
#include <array>

#include "text/reply/formats/list.h"

namespace hearth::text::reply {
namespace {

constexpr std::string_view kMarkers[] = {"<atem:"};
constexpr std::string_view kTriggers[] = {"<atem:function_calls>"};
constexpr TaggedSyntax kSyntax = {.section_open = "<atem:function_calls>\n",
                                  .call_open = "<atem:invoke name=\"",
                                  .name_close = "\">\n",
                                  .parameter_open = "<atem:parameter name=\"",
                                  .key_close = "\">",
                                  .value_close = "</atem:parameter>\n",
                                  .call_close = "</atem:invoke>",
                                  .separator = "\n",
                                  .section_close = "\n</atem:function_calls>"};
constexpr std::array<std::string_view, 2> kHeads = {"<|start|>assistant", " to="};
constexpr std::array<std::string_view, 1> kHeadEnd = {"<|message|>"};
constexpr std::array<std::string_view, 2> kEnds = {"<|eom|>", "<|eot|>"};
constexpr std::array<std::string_view, 3> kBody = {"<atem:function_calls>", "<|eom|>", "<|eot|>"};

Co<bool> body(Reader& in, const ToolFormat& format, Channel channel) {
  in.begin_part_after_text(channel);
  for (;;) {
    int found = -1;
    if (channel == Channel::kReasoning)
      co_await in.until(kEnds, channel);
    else
      found = co_await in.until(kBody, channel);
    if (found != 0) break;
    if (const bool yes = co_await parse_tagged_calls(in, format, 0); !yes)
      in.give_back("a tool call could not be read; its text is part of the answer");
    in.commit();
  }
  in.end_message();
  in.commit();
  co_return true;
}

Co<bool> parse_reply(Reader& in, const ToolFormat& format) {
  for (;;) {
    if (const bool more = co_await in.has_byte(); !more) break;
    const int head = co_await in.match(kHeads);
    if (head == 0) continue;
    Channel channel = Channel::kText;
    if (head == 1) {
      std::string to;
      if (const int found = co_await in.collect(kHeadEnd, to, 300); found < 0) {
        const bool cut = co_await in.at_end();
        if (!cut) in.give_back("the header of a message could not be read");
        continue;
      }
      if (to == "self") channel = Channel::kReasoning;
    } else {
      co_await in.match(kHeadEnd);
    }
    in.commit();
    co_await body(in, format, channel);
  }
  co_return true;
}

constexpr std::string_view kAnswerHeads[] = {" to=user<|message|>"};
constexpr std::string_view kThinkingHeads[] = {" to=self<|message|>"};

}  // namespace

extern const ToolFormat kMuse = {
    .name = "muse",
    .families = "Muse Glimmer",
    .triggers = kTriggers,
    .markers = kMarkers,
    .tagged = &kSyntax,
    .reply_begin = "<|start|>",
    .reasoning_end = "<|eom|><|start|>assistant to=user<|message|>",
    .parse_reply = parse_reply,
    .message_begin = "<|start|>assistant",
    .answer_heads = kAnswerHeads,
    .thinking_heads = kThinkingHeads,
    .answer_ends = kEnds,
};

}  // namespace hearth::text::reply
