// ToolCallRules: the rules of one ToolGrammar, added to a sample::Grammar: sections of calls and
// the triggers that begin them. The part of reply_grammar.h that knows calls.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/reply_grammar.h"

namespace hearth::app {

class ToolCallRules {
 public:
  // All must outlive it.
  ToolCallRules(sample::Grammar& grammar, const ReplyGrammarInput& input,
                std::vector<std::string>& notes)
      : grammar_(grammar), input_(input), tools_(input.tools), notes_(notes) {}

  // A whole section, without `left_out` where it begins with that.
  Result<sample::ExprId> section(std::string_view left_out = {});
  // Free text from here on, in which every call that begins is held.
  // spaces: white space may stand before a section at the begin.
  Result<sample::RuleId> free_text(bool spaces);

 private:
  using Call = text::ToolGrammar::Call;
  using Parameter = text::ToolGrammar::Parameter;

  [[nodiscard]] sample::ExprId words(std::string_view text) {
    return grammar_.literal(input_.marked(text));
  }
  [[nodiscard]] sample::ExprId closing_words(std::string_view text) {
    return grammar_.literal(input_.closing(text));
  }
  // The same where line breaks stand between tags: they may be there or not, but not those that
  // touch a value.
  enum class Touches { kNothing, kValueBehind, kValueBefore };
  [[nodiscard]] sample::ExprId tag_words(std::string_view text, Touches touches);
  [[nodiscard]] sample::ExprId json_words(std::string_view text);
  [[nodiscard]] sample::ExprId beginning(std::string_view text);
  [[nodiscard]] Result<sample::ExprId> pattern(const std::string& pattern);
  // What follows `before` of a call.
  Result<sample::ExprId> call_rest(size_t index);
  Result<sample::ExprId> arguments(const Call& call);
  Result<sample::ExprId> object(const Call& call);
  Result<sample::ExprId> parameters(const Call& call);
  sample::ExprId parameter_value(const Call& call, const Parameter& parameter);
  sample::ExprId json_value(const Call& call, const Parameter& parameter);
  sample::ExprId plain_text(const Call& call, const Parameter& parameter, bool no_json);
  Result<sample::ExprId> more_calls();
  Result<sample::ExprId> section_behind(std::string_view trigger);
  void note_what_spans_parameters(const Call& call);

  sample::Grammar& grammar_;
  const ReplyGrammarInput& input_;
  const text::ToolGrammar& tools_;
  std::vector<std::string>& notes_;
  std::map<std::string, sample::ExprId> arguments_;  // by tool
  std::vector<sample::ExprId> call_rests_;
};

}  // namespace hearth::app
