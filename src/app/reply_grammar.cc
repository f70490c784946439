#include "app/reply_grammar.h"

#include <utility>

#include "app/tool_call_rules.h"

namespace hearth::app {
namespace {

using sample::ExprId;
using sample::Grammar;
using sample::RuleId;

// Line breaks and spaces that models put between their reasoning and what follows.
constexpr int kSpacesMax = 3;

ExprId spaces(Grammar& g) {
  return g.repeat(g.chars(sample::CharSet({{' ', ' '}, {'\n', '\n'}})), 0, kSpacesMax);
}

ExprId words(Grammar& g, const ReplyGrammarInput& input, std::string_view text) {
  return g.literal(input.marked(text));
}

// An answer of the format, or calls, in a reply without channels.
Result<ExprId> plain_reply(Grammar& g, const ReplyGrammarInput& input, ReplyPlace place,
                           ToolCallRules& calls) {
  const text::ReplyShape& shape = input.shape;
  const bool behind = place == ReplyPlace::kAfterThinking;
  const ExprId space = behind ? spaces(g) : g.empty();
  const ExprId open = g.optional(words(g, input, shape.answer_open));
  const ExprId close = g.optional(g.literal(input.closing(shape.answer_close)));
  std::vector<ExprId> ways = {g.sequence({space, open, g.rule(input.answer->root()), close})};
  if (place == ReplyPlace::kBegin && !shape.thinking_open.empty())
    ways.push_back(g.sequence({words(g, input, shape.thinking_open), g.free_text({})}));
  if (!holds_calls(input.tools)) return g.choice(std::move(ways));
  HEARTH_ASSIGN(const ExprId section, calls.section());
  const RuleId more = g.add_rule("more calls");
  g.define(more, g.choice({g.empty(), g.sequence({spaces(g), section, g.rule(more)})}));
  ways.push_back(g.sequence({space, section, g.rule(more)}));
  return g.choice(std::move(ways));
}

// The headers that lead to the answer's message, to reasoning, or to a call. What follows them is
// free as far as this grammar goes: another takes its place there.
Result<ExprId> headers(Grammar& g, const ReplyGrammarInput& input, ToolCallRules& calls) {
  const text::ReplyShape& shape = input.shape;
  std::vector<ExprId> ways;
  for (const auto* heads : {&shape.thinking_heads, &shape.answer_heads})
    for (const std::string& head : *heads)
      ways.push_back(g.sequence({words(g, input, head), g.free_text({})}));
  if (holds_calls(input.tools) && !input.tools.in_messages) {
    HEARTH_ASSIGN(const ExprId section, calls.section(shape.message_begin));
    ways.push_back(section);
  }
  return g.sequence({g.optional(words(g, input, shape.message_begin)), g.choice(std::move(ways))});
}

}  // namespace

bool holds_calls(const text::ToolGrammar& tools) {
  return tools.kind != text::ToolGrammar::Kind::kNone && !tools.calls.empty() &&
         (tools.at_begin || !tools.triggers.empty());
}

Result<ReplyGrammar> reply_grammar(const ReplyGrammarInput& input, ReplyPlace place) {
  ReplyGrammar out;
  if (input.answer != nullptr) out.grammar = *input.answer;
  Grammar& g = out.grammar;
  ToolCallRules calls(g, input, out.notes);
  if (input.answer == nullptr) {
    HEARTH_ASSIGN(const RuleId free, calls.free_text(place == ReplyPlace::kAfterThinking));
    g.set_root(free);
    return out;
  }
  ExprId body = 0;
  if (place == ReplyPlace::kAnswer)
    body = g.sequence({spaces(g), g.rule(input.answer->root())});
  else if (input.shape.on_channels) {
    HEARTH_ASSIGN(body, headers(g, input, calls));
  } else {
    HEARTH_ASSIGN(body, plain_reply(g, input, place, calls));
  }
  const RuleId root = g.add_rule("reply");
  g.define(root, body);
  g.set_root(root);
  return out;
}

}  // namespace hearth::app
