// ReplyGuard: what holds a reply while it is generated: knows at every token whether the model
// thinks, answers or does neither, and gives the sampler the constraint of that place. Used by the
// real ChatBackend. Constraints are kept from one reply to the next.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/chat_reply.h"
#include "app/output_format.h"
#include "app/reply_grammar.h"
#include "base/result.h"
#include "sample/chain.h"
#include "sample/constraint.h"
#include "text/reply/reply_format.h"
#include "text/reply/tool_list.h"
#include "text/tokenizer.h"

namespace hearth::app {

// What a reply is to be held to.
struct ReplyTask {
  std::shared_ptr<const OutputFormat> format = {};  // null: none
  const text::ToolList* tools = nullptr;            // null or empty: none
  const text::ReplyFormat* reply = nullptr;         // null: text that is continued
  std::string_view prompt_tail = {};                // as ReplyOptions has it
  bool thinks = true;                               // false: the person wants no reasoning
};

class ReplyGuard {
 public:
  // `ends`: what ends generation (text::end_tokens). The tokenizer must outlive the guard.
  ReplyGuard(const text::Tokenizer& tokenizer, size_t n_vocab, std::vector<int32_t> ends);

  // A new reply: constrains the sampler where its begin is held to something. Errors: those of
  // Constraint::compile() for the format.
  Result<void> begin(const ReplyTask& task, const ChatReply& reply, sample::SamplerChain& sampler);
  // What the person should hear: what of the tools' schemas is not enforced.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  struct Taken {
    size_t n_bytes = 0;  // of the text that `reply` got
    bool go_on = true;   // what ChatReply::push() said
  };
  // Passes the text of a token on to the reply and constrains or frees the sampler where the reply
  // comes to another place. Fewer bytes than all: the rest stands behind such a place and is not
  // allowed there; the token must be replaced by ones that end before it.
  Result<Taken> pass(std::string_view text, ChatReply& reply, sample::SamplerChain& sampler);
  // Whether the token ends the reply because the constraint says so.
  [[nodiscard]] static bool ends(int32_t id, const sample::SamplerChain& sampler);

  // The text with a mark before every control token in it, as token_table() spells them.
  [[nodiscard]] std::string marked(std::string_view text) const { return mark(text, false); }

 private:
  [[nodiscard]] std::string mark(std::string_view text, bool to_end) const;
  [[nodiscard]] std::optional<ReplyPlace> place_in(const ChatReply& reply) const;
  Result<bool> enter(std::string_view begun, sample::SamplerChain& sampler);
  Result<std::shared_ptr<const sample::Constraint>> constraint_at(ReplyPlace place);
  Result<std::shared_ptr<const sample::Constraint>> compile(ReplyPlace place);
  [[nodiscard]] ReplyGrammarInput input_of(const ReplyTask& task);
  const std::shared_ptr<const sample::TokenTable>& tokens_at(ReplyPlace place);
  [[nodiscard]] std::vector<int32_t> answer_end_ids() const;

  const text::Tokenizer& tokenizer_;
  size_t n_vocab_;
  std::vector<int32_t> ends_;
  std::set<std::string, std::less<>> control_words_;
  size_t control_word_max_ = 0;  // bytes

  std::shared_ptr<const OutputFormat> format_;
  ReplyGrammarInput input_;
  std::string key_;  // what the constraints are made for
  std::map<ReplyPlace, std::shared_ptr<const sample::Constraint>> constraints_;
  std::vector<std::string> notes_;
  std::shared_ptr<const sample::TokenTable> tokens_;
  std::shared_ptr<const sample::TokenTable> answer_tokens_;  // where channels end answers

  bool active_ = false;
  bool thought_ = false;             // some reasoning has come
  std::optional<ReplyPlace> place_;  // nothing: what comes is free
  std::string recent_;               // the end of the text that came
};

}  // namespace hearth::app
