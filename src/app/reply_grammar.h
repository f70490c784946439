// The grammars that hold a model's reply: a format's, and the calls of tools with arguments that
// their schemas allow, put between the words with which the model writes them. Joins text (what
// those words are) and sample (what grammars are). Used by ReplyGuard.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"
#include "text/reply/reply_shape.h"
#include "text/reply/tool_grammar.h"

namespace hearth::app {

// Where in a reply a grammar begins.
enum class ReplyPlace {
  kBegin,          // at its begin
  kAfterThinking,  // behind reasoning
  kAnswer,         // within the message of the answer (replies on channels, with a format)
};

struct ReplyGrammarInput {
  const sample::Grammar* answer = nullptr;  // that the answer is held to; null: it is free
  text::ToolGrammar tools = {};             // of the kind kNone: there are none
  text::ReplyShape shape = {};
  // A text of the model's own as the tokens of a TokenTable spell it: control tokens marked.
  std::function<std::string(std::string_view)> marked = {};
  // The same, up to the first token that ends generation: what closes something.
  std::function<std::string(std::string_view)> closing = {};
};

struct ReplyGrammar {
  sample::Grammar grammar;
  std::vector<std::string> notes;  // what of the tools' schemas is not enforced, a sentence each
};

// Whether calls can be held at all: whether it is certain when one begins.
bool holds_calls(const text::ToolGrammar& tools);

// Free text in which calls are held; with an answer: this, or calls. REQUIRES: `answer`, or
// holds_calls(tools). A tool whose schema a grammar cannot express is held to it in part, or only
// to be a JSON object, with a note.
Result<ReplyGrammar> reply_grammar(const ReplyGrammarInput& input, ReplyPlace place);

}  // namespace hearth::app
