#include "app/reply_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hearth::app {
namespace {

constexpr size_t kRecentBytes = 128;  // more than any word that begins calls has

// Bytes of the character that begins with this one; 1 for what begins none.
size_t character_bytes(char first) {
  const auto byte = uint8_t(first);
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

}  // namespace

ReplyGuard::ReplyGuard(const text::Tokenizer& tokenizer, size_t n_vocab, std::vector<int32_t> ends)
    : tokenizer_(tokenizer), n_vocab_(n_vocab), ends_(std::move(ends)) {
  for (int32_t id = 0; id < tokenizer.n_tokens(); ++id) {
    if (!tokenizer.is_control(id) || tokenizer.piece(id).empty()) continue;
    control_words_.emplace(tokenizer.piece(id));
    control_word_max_ = std::max(control_word_max_, tokenizer.piece(id).size());
  }
}

std::string ReplyGuard::mark(std::string_view text, bool to_end) const {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t n = std::min(control_word_max_, text.size() - at);
    while (n > 0 && !control_words_.contains(text.substr(at, n))) --n;
    if (n == 0) {
      out += text[at++];
      continue;
    }
    if (to_end && tokenizer_.is_eog(tokenizer_.find(text.substr(at, n)))) return out;
    out += kControlMark;
    out += text.substr(at, n);
    at += n;
  }
  return out;
}

ReplyGrammarInput ReplyGuard::input_of(const ReplyTask& task) {
  ReplyGrammarInput input;
  if (task.format) input.answer = &task.format->grammar;
  input.marked = [this](std::string_view text) { return mark(text, false); };
  input.closing = [this](std::string_view text) { return mark(text, true); };
  if (task.reply == nullptr) return input;
  input.shape = text::describe_reply(*task.reply, task.prompt_tail);
  if (!task.thinks) input.shape.thinking_open.clear();
  if (task.tools != nullptr && !task.tools->empty())
    input.tools = text::describe_tool_calls(*task.reply, *task.tools);
  return input;
}

Result<void> ReplyGuard::begin(const ReplyTask& task, const ChatReply& reply,
                               sample::SamplerChain& sampler) {
  ReplyGrammarInput input = input_of(task);
  std::string key = fmt::format("{}|{}", input.shape.thinking_open, task.reply == nullptr);
  if (holds_calls(input.tools))
    for (const text::Tool& tool : task.tools->tools())
      key += fmt::format("|{}:{}{}", tool.name.size(), tool.name, tool.schema);
  if (key != key_ || format_ != task.format) {
    constraints_.clear();
    notes_.clear();
    if (task.tools != nullptr && !task.tools->empty() && !holds_calls(input.tools))
      notes_.emplace_back("calls of this model are not held to the schemas of the tools");
    key_ = std::move(key);
    format_ = task.format;
  }
  input_ = std::move(input);
  active_ = input_.answer != nullptr || holds_calls(input_.tools);
  thought_ = false;
  recent_.clear();
  place_ = place_in(reply);
  if (!active_) return {};
  // The begin of the message that the reply goes on with stands in the prompt.
  const std::string begun =
      place_ == ReplyPlace::kBegin ? marked(input_.shape.begun) : std::string();
  HEARTH_ASSIGN(const bool fits, enter(begun, sampler));
  if (fits) return {};
  HEARTH_ASSIGN(const bool enters, enter({}, sampler));
  HEARTH_CHECK(enters);
  return {};
}

std::optional<ReplyPlace> ReplyGuard::place_in(const ChatReply& reply) const {
  if (reply.thinking()) return std::nullopt;
  if (input_.answer != nullptr && input_.shape.on_channels && reply.answering())
    return ReplyPlace::kAnswer;
  return thought_ ? ReplyPlace::kAfterThinking : ReplyPlace::kBegin;
}

// The sampler is to obey what holds at place_, where `begun` has come already. False, and nothing
// changes: that is not allowed there.
Result<bool> ReplyGuard::enter(std::string_view begun, sample::SamplerChain& sampler) {
  if (!place_) {
    sampler.release_constraint();
    return true;
  }
  HEARTH_ASSIGN(auto constraint, constraint_at(*place_));
  return sampler.constrain(std::move(constraint), begun);
}

Result<ReplyGuard::Taken> ReplyGuard::pass(std::string_view text, ChatReply& reply,
                                           sample::SamplerChain& sampler) {
  Taken taken;
  if (!active_) {
    taken.go_on = reply.push(text);
    taken.n_bytes = text.size();
    return taken;
  }
  while (taken.n_bytes < text.size()) {
    const size_t n = std::min(character_bytes(text[taken.n_bytes]), text.size() - taken.n_bytes);
    const std::string_view piece = text.substr(taken.n_bytes, n);
    taken.go_on = reply.push(piece) && taken.go_on;
    taken.n_bytes += n;
    recent_ += piece;
    if (recent_.size() > 2 * kRecentBytes) recent_.erase(0, kRecentBytes);
    thought_ = thought_ || reply.thinking();
    const auto place = place_in(reply);
    if (place == place_) continue;
    place_ = place;
    // A call's first word may be what has ended the reasoning.
    std::string begun;
    if (place == ReplyPlace::kAfterThinking)
      for (const std::string& word : input_.shape.reasoning_triggers)
        if (recent_.ends_with(word) && word.size() > begun.size()) begun = word;
    begun = marked(begun);
    HEARTH_ASSIGN(bool fits, enter(begun + std::string(text.substr(taken.n_bytes)), sampler));
    if (fits) continue;
    HEARTH_ASSIGN(fits, enter(begun, sampler));
    if (!fits) {
      HEARTH_ASSIGN(fits, enter({}, sampler));
    }
    HEARTH_CHECK(fits);
    return taken;
  }
  return taken;
}

bool ReplyGuard::ends(int32_t id, const sample::SamplerChain& sampler) {
  return sampler.constraint() != nullptr && sampler.constraint()->constraint().tokens().is_end(id);
}

std::vector<int32_t> ReplyGuard::answer_end_ids() const {
  std::vector<int32_t> ids = ends_;
  for (const std::string& word : input_.shape.answer_ends)
    if (const int32_t id = tokenizer_.find(word); tokenizer_.is_control(id)) ids.push_back(id);
  return ids;
}

const std::shared_ptr<const sample::TokenTable>& ReplyGuard::tokens_at(ReplyPlace place) {
  if (place == ReplyPlace::kAnswer) {
    if (!answer_tokens_) answer_tokens_ = token_table(tokenizer_, n_vocab_, answer_end_ids());
    return answer_tokens_;
  }
  if (!tokens_) tokens_ = token_table(tokenizer_, n_vocab_, ends_);
  return tokens_;
}

Result<std::shared_ptr<const sample::Constraint>> ReplyGuard::compile(ReplyPlace place) {
  HEARTH_ASSIGN(const ReplyGrammar grammar, reply_grammar(input_, place));
  HEARTH_ASSIGN(auto constraint, sample::Constraint::compile(grammar.grammar, tokens_at(place)));
  for (const std::string& note : grammar.notes)
    if (std::ranges::find(notes_, note) == notes_.end()) notes_.push_back(note);
  return constraint;
}

Result<std::shared_ptr<const sample::Constraint>> ReplyGuard::constraint_at(ReplyPlace place) {
  const auto known = constraints_.find(place);
  if (known != constraints_.end()) return known->second;
  auto made = compile(place);
  if (!made && holds_calls(input_.tools)) {
    notes_.push_back(
        fmt::format("calls are not held to the schemas of the tools: {}", made.error().message));
    input_.tools = {};
    made = compile(place);
  }
  if (!made) return std::unexpected(made.error());
  constraints_.emplace(place, *made);
  return made;
}

}  // namespace hearth::app
