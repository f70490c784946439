// The real ChatBackend: a model file behind the chat. Joins template, tokenizer, session and
// sampler; knows no terminal.
#include "app/chat_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/chat_reply.h"
#include "app/dry_breakers.h"
#include "app/reply_guard.h"
#include "app/show_summary.h"
#include "app/show_text.h"
#include "app/template_choice.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "sample/chain.h"
#include "sample/reasoning_budget.h"
#include "text/detokenizer.h"
#include "text/reply/conversation.h"
#include "text/template.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

uint64_t arena_bytes(const Arena& arena, std::string_view what) {
  for (const Arena::Row& row : arena.rows())
    if (row.what == what) return row.size_bytes;
  return 0;
}

// What the file recommends for choosing tokens.
std::vector<RecommendedValue> recommended_by(const format::Metadata& metadata) {
  constexpr std::string_view kPrefix = "general.sampling.";
  std::vector<RecommendedValue> values;
  for (const format::Entry& entry : metadata.entries()) {
    if (!entry.key.starts_with(kPrefix)) continue;
    const bool is_text = entry.value.type == format::ValueType::kString;
    values.push_back({std::string(entry.key.substr(kPrefix.size())),
                      is_text ? std::string(entry.value.text()) : value_text(entry.value)});
  }
  return values;
}

class EngineChatBackend final : public ChatBackend {
 public:
  Result<ChatModelInfo> load(const std::string& path, const ChatLoadOptions& options,
                             const LoadProgress& progress) override {
    const Clock::time_point begin = Clock::now();
    engine::EngineOptions engine_options;
    engine_options.n_ctx = int64_t(options.ctx);
    engine_options.threads = options.thread_request;
    engine_options.threads.generate = int(options.threads);
    engine_options.isa = options.isa;
    engine_options.weights = options.weights;
    if (!options.kv.empty()) engine_options.kv_type = options.kv;
    HEARTH_ASSIGN(std::unique_ptr<engine::Engine> engine,
                  engine::Engine::load(path, engine_options, [&](double done) {
                    return !progress || progress(uint64_t(done * 1000), 1000);
                  }));
    const ModelSummary summary = summarize(engine->file());
    HEARTH_ASSIGN(std::optional<ChosenTemplate> chosen,
                  choose_template(options.chat_template, &summary));
    // Everything succeeded: only now the model before goes.
    session_.reset();
    engine_ = std::move(engine);
    template_ = std::move(chosen);
    session_ = std::make_unique<engine::Session>(*engine_, 0);
    ends_ = text::end_tokens(template_ ? &template_->format : nullptr, *engine_->tokenizer());
    said_.clear();
    guard_.emplace(*engine_->tokenizer(), size_t(engine_->n_vocab()), ends_);
    ChatModelInfo info = describe(summary);
    info.load_seconds = seconds_since(begin);
    return info;
  }

  Result<ChatStats> generate(const ChatRequest& request, const ChatCallbacks& callbacks) override {
    HEARTH_ASSIGN(sample::SamplerChain sampler, make_sampler(request));
    ChatStats stats;
    Clock::time_point begin = Clock::now();
    HEARTH_ASSIGN(const std::vector<int32_t> ids, prompt_ids(request, stats));
    stats.n_prompt = ids.size();
    const uint64_t n_before = session_->ids().size();
    Result<int64_t> kept = session_->prompt(ids, [&](int64_t done, int64_t total) {
      return !callbacks.on_prompt || callbacks.on_prompt(uint64_t(done), uint64_t(total));
    });
    stats.prompt_seconds = seconds_since(begin);
    if (!kept && kept.error().code == ErrorCode::kCancelled) {
      stats.stop = StopReason::kCancelled;
      stats.n_cached = std::min<uint64_t>(n_before, session_->ids().size());
      stats.n_context_used = session_->ids().size();
      said_.clear();
      return stats;
    }
    if (!kept) return std::unexpected(kept.error());
    stats.n_cached = uint64_t(*kept);
    for (const int32_t id : ids) sampler.accept(id);
    begin = Clock::now();
    HEARTH_TRY(answer(request, callbacks, sampler, stats));
    stats.generate_seconds = seconds_since(begin);
    stats.n_context_used = session_->ids().size();
    return stats;
  }

 private:
  [[nodiscard]] Result<sample::SamplerChain> make_sampler(const ChatRequest& request) const {
    sample::SamplerParams params = request.sampling;
    if (params.dry_multiplier > 0) {
      HEARTH_ASSIGN(params.dry_sequence_breakers,
                    dry_breaker_tokens(*engine_->tokenizer(), request.dry_breakers));
    }
    return sample::SamplerChain::create(params, int(engine_->n_vocab()));
  }

  [[nodiscard]] ChatModelInfo describe(const ModelSummary& summary) const {
    const model::HyperParams& p = engine_->model().params();
    const Arena& memory = engine_->memory();
    ChatModelInfo info;
    info.name = p.name;
    info.architecture = p.arch->name;
    info.quantization = summary.recipe;
    if (summary.recipe.empty() && !summary.types.empty())
      info.quantization = summary.types.front().type->name;
    for (const format::Entry& entry : summary.origin)
      if (entry.key == "license" && entry.value.type == format::ValueType::kString)
        info.license = entry.value.text();
    info.chat_template = template_ ? template_->chat_template.source() : "";
    info.has_template = template_.has_value();
    info.n_parameters = engine_->file().n_parameters();
    info.n_embedding = uint64_t(p.n_embd);
    info.n_ctx = uint64_t(engine_->n_ctx());
    info.n_ctx_train = uint64_t(p.n_ctx_train);
    info.n_ctx_reason = engine_->n_ctx_reason();
    info.weights_bytes = engine_->file().tensor_bytes();
    info.kv_bytes = arena_bytes(memory, "KV cache");
    info.scratch_bytes = memory.total_bytes() - info.weights_bytes - info.kv_bytes;
    info.weights_reason = engine_->weights().reason();
    info.threads = uint64_t(engine_->threads().generate);
    info.threads_prompt = uint64_t(engine_->threads().prompt);
    info.threads_reason = engine_->threads().reason;
    info.isa = engine_->backend().name();
    info.recommended = recommended_by(engine_->file().metadata());
    info.warnings = engine_->warnings();
    if (template_)
      info.warnings.insert(info.warnings.end(), template_->notes.begin(), template_->notes.end());
    return info;
  }

  // The request as token ids. What the session already holds, prompt and answer, is taken over as
  // it was read and generated: the same text could be cut into other tokens.
  Result<std::vector<int32_t>> prompt_ids(const ChatRequest& request, ChatStats& stats) {
    const text::Tokenizer& tokenizer = *engine_->tokenizer();
    if (request.messages.empty()) {
      said_.assign(request.raw_text);
      return tokenizer.encode(request.raw_text, {.add_special = true,
                                                 .parse_special = request.raw_has_special,
                                                 .no_double_special = request.raw_has_special,
                                                 .add_end = false});
    }
    HEARTH_ASSIGN(const text::RenderedChat chat, render(request, stats));
    std::vector<text::Segment> segments;
    size_t skip = !said_.empty() && chat.text.starts_with(said_) ? said_.size() : 0;
    // Only where the new part begins with a special token does it make no difference that it is
    // read on its own.
    if (skip > 0 && !begins_with_special(std::string_view(chat.text).substr(skip))) skip = 0;
    std::vector<int32_t> ids;
    if (skip > 0) ids = session_->ids();
    size_t at = 0;
    for (const text::RenderedSegment& part : chat.segments) {
      const size_t from = std::min(part.text.size(), skip > at ? skip - at : 0);
      at += part.text.size();
      if (from < part.text.size())
        segments.push_back({std::string_view(part.text).substr(from), part.from_template});
    }
    HEARTH_ASSIGN(
        const std::vector<int32_t> rest,
        tokenizer.encode_segments(
            segments, {.add_special = skip == 0, .no_double_special = true, .add_end = false}));
    ids.insert(ids.end(), rest.begin(), rest.end());
    said_ = chat.text;
    return ids;
  }

  [[nodiscard]] bool begins_with_special(std::string_view text) const {
    const auto first = engine_->tokenizer()->encode(text.substr(0, 256), {.add_special = false});
    return first && !first->empty() && engine_->tokenizer()->is_control(first->front());
  }

  Result<text::RenderedChat> render(const ChatRequest& request, ChatStats& stats) {
    if (!template_)
      return fail(
          ErrorCode::kUnsupported,
          "the model's file has no chat template, so it cannot hold a conversation",
          fmt::format("give a prompt to be continued, or choose a template with --template: {}",
                      template_choices()));
    const text::Tokenizer& tokenizer = *engine_->tokenizer();
    std::vector<text::ChatMessage> messages;
    for (const ChatMessage& message : request.messages) messages.push_back(text_message(message));
    text::ChatOptions options;
    options.bos_token = tokenizer.piece(tokenizer.bos());
    options.eos_token = tokenizer.piece(tokenizer.eos());
    options.now = local_time();
    if (request.tools != nullptr) {
      options.tools = request.tools->value();
      if (!request.tools->empty() && !template_->format.template_shows_tools)
        stats.notes.emplace_back("the model's chat template does not tell it of tools");
    }
    for (std::string& note : text::adapt_conversation(template_->format, messages))
      stats.notes.push_back(std::move(note));
    const std::string note =
        text::apply_thinking(template_->format, request.think, options, messages);
    if (!note.empty()) stats.notes.push_back(note);
    HEARTH_ASSIGN(text::RenderedChat chat, template_->chat_template.render_chat(messages, options));
    options.add_generation_prompt = false;
    const auto before = template_->chat_template.render_chat(messages, options);
    prompt_tail_ = before ? text::reply_prompt_tail(chat.text, before->text) : std::string();
    return chat;
  }

  static text::ChatMessage text_message(const ChatMessage& message) {
    constexpr std::string_view kRoles[] = {"system", "user", "assistant"};
    text::ChatMessage out{.role = std::string(kRoles[size_t(message.role)]),
                          .content = text::Value::user_text(message.content)};
    if (!message.reasoning.empty())
      out.fields.emplace_back("reasoning_content", text::Value::user_text(message.reasoning));
    return out;
  }

  [[nodiscard]] std::optional<text::ReplyParser> make_parser(const ChatRequest& request) const {
    if (request.messages.empty() || !template_) return std::nullopt;
    return text::ReplyParser({.format = template_->format,
                              .tools = request.tools != nullptr ? *request.tools : text::ToolList(),
                              .prompt_tail = prompt_tail_,
                              .id_seed = request.sampling.seed});
  }

  // Forces the end of the reasoning when the request's budget is spent.
  Result<sample::ReasoningBudget> make_budget(const ChatRequest& request) const {
    if (request.think.budget < 0 || request.messages.empty() || !template_)
      return sample::ReasoningBudget(-1, {});
    HEARTH_ASSIGN(std::vector<int32_t> end,
                  engine_->tokenizer()->encode(template_->format.reasoning_end(),
                                               {.add_special = false, .parse_special = true}));
    return sample::ReasoningBudget(request.think.budget, std::move(end));
  }

  [[nodiscard]] ReplyTask reply_task(const ChatRequest& request) const {
    if (request.messages.empty() || !template_) return {.format = request.format};
    return {.format = request.format,
            .tools = request.tools,
            .reply = &template_->format,
            .prompt_tail = prompt_tail_,
            .thinks = request.think.mode != text::ThinkRequest::Mode::kOff};
  }

  // Why there is no token to go on with.
  static std::unexpected<Error> no_token(const sample::SamplerChain& sampler) {
    if (sampler.is_constrained())
      return fail(ErrorCode::kUnsupported,
                  "the format asks for text that this model has no tokens for",
                  "use another format or another model");
    return fail(ErrorCode::kCorrupt, "the model's output is not a number (NaN)",
                "the file is damaged; download it again");
  }

  // Tokens until something ends the answer.
  Result<void> answer(const ChatRequest& request, const ChatCallbacks& callbacks,
                      sample::SamplerChain& sampler, ChatStats& stats) {
    const text::Tokenizer& tokenizer = *engine_->tokenizer();
    ChatReply reply(request, callbacks, make_parser(request));
    // The words between which a model thinks and calls are control tokens.
    text::StreamDecoder decoder(
        tokenizer, {.render_special = !request.messages.empty(), .strip_leading_space = false});
    HEARTH_ASSIGN(sample::ReasoningBudget budget, make_budget(request));
    HEARTH_TRY(guard_->begin(reply_task(request), reply, sampler));
    for (;;) {
      if (request.predict_max >= 0 && int64_t(stats.n_generated) >= request.predict_max) {
        stats.stop = StopReason::kLength;
        break;
      }
      int32_t id = budget.next(reply.thinking());
      if (id == sample::ReasoningBudget::kFree) id = sampler.sample(session_->logits());
      if (id == sample::kNoToken) return no_token(sampler);
      if (std::ranges::binary_search(ends_, id) || ReplyGuard::ends(id, sampler)) {
        stats.stop = StopReason::kEnd;
        break;
      }
      stats.n_generated += 1;
      sampler.accept(id);
      std::string text = decoder.push(id);
      HEARTH_ASSIGN(const ReplyGuard::Taken taken, guard_->pass(text, reply, sampler));
      const bool go_on = taken.go_on;
      std::vector<int32_t> shorter;  // tokens of what was taken, where that is not all
      if (taken.n_bytes < text.size()) {
        text.resize(taken.n_bytes);
        HEARTH_ASSIGN(shorter, tokenizer.encode(text, {.add_special = false}));
      }
      const std::span<const int32_t> ids =
          shorter.empty() ? std::span(&id, 1) : std::span(std::as_const(shorter));
      if (reply.stopped()) {
        stats.stop = StopReason::kStopText;
        said_.clear();  // what is shown and what was generated differ from here on
        break;
      }
      if (int64_t(session_->ids().size() + ids.size()) > engine_->n_ctx()) {
        stats.stop = go_on ? StopReason::kContextFull : StopReason::kCancelled;
        said_.clear();  // the session lacks the last token
        break;
      }
      // Also the last one of a stopped answer: the next turn then goes on behind what was said.
      for (const int32_t taken_id : ids) HEARTH_TRY(session_->append(taken_id));
      said_ += text;  // as shown: the next turn brings it back so, broken bytes mended
      if (!go_on) {
        stats.stop = StopReason::kCancelled;
        break;
      }
    }
    const std::string rest = decoder.flush();
    if (!said_.empty()) said_ += rest;
    reply.push(rest);
    reply.finish();
    stats.reply = reply.reply();
    stats.notes.insert(stats.notes.end(), guard_->notes().begin(), guard_->notes().end());
    return {};
  }

  std::unique_ptr<engine::Engine> engine_;
  std::optional<ChosenTemplate> template_;
  std::unique_ptr<engine::Session> session_;
  std::optional<ReplyGuard> guard_;  // of this model
  std::vector<int32_t> ends_;        // tokens that end generation, ascending
  std::string prompt_tail_;  // the begin of the reply's turn: what the generation prompt adds
  std::string said_;         // the text of the tokens that the session holds; empty: not known
};

}  // namespace

std::unique_ptr<ChatBackend> make_chat_backend() { return std::make_unique<EngineChatBackend>(); }

}  // namespace hearth::app
