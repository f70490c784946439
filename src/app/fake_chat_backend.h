// A ChatBackend without a model, for the tests of `hearth run`: a token is a word, and the answer
// repeats the question. Only tests include it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/chat_backend.h"

namespace hearth::app {

// The file's name says what it is like: "missing" cannot be loaded, "base" has no chat template,
// "slow" takes a second to load, "odd" recommends values and has warnings. The question says how it
// is answered: with "count" come numbers until somebody stops them, 5 ms each; with "hostile" come
// control characters.
class FakeChatBackend : public ChatBackend {
 public:
  static constexpr uint64_t kDefaultCtx = 1000;

  // What generate() was asked last.
  std::vector<ChatMessage> messages;
  std::string raw_text;
  ChatRequest request;  // its spans are not to be used
  std::vector<std::string> stop_texts;
  std::vector<std::string> dry_breakers;
  ChatLoadOptions load_options;
  int n_loads = 0;

  Result<ChatModelInfo> load(const std::string& path, const ChatLoadOptions& options,
                             const LoadProgress& progress) override {
    if (path.contains("missing"))
      return fail(ErrorCode::kNotFound, fmt::format("there is no file '{}'", path),
                  "check the path");
    const int steps = path.contains("slow") ? 100 : 1;
    for (int i = 1; i <= steps; ++i) {
      if (steps > 1) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (!progress(uint64_t(i), uint64_t(steps)))
        return fail(ErrorCode::kCancelled, "loading was stopped");
    }
    ++n_loads;
    load_options = options;
    context_.clear();
    has_template_ = !path.contains("base");
    n_ctx_ = options.ctx == 0 ? kDefaultCtx : options.ctx;
    ChatModelInfo info{
        .name = "fake",
        .architecture = "none",
        .quantization = "F32",
        .license = "free\x1b[31m as in words",
        .chat_template = has_template_ ? "{{ messages }}" : "",
        .has_template = has_template_,
        .n_parameters = 1'100'000'000,
        .n_embedding = 64,
        .n_ctx = n_ctx_,
        .n_ctx_train = 4096,
        .n_ctx_reason = options.ctx == 0 ? "the test's choice" : "as asked",
        .weights_bytes = 3'000'000'000,
        .kv_bytes = 20'000'000,
        .scratch_bytes = 1'000'000,
        .weights_reason = "repacked while loading",
        .threads = 2,
        .threads_prompt = 2,
        .threads_reason = "one for each core",
        .isa = "scalar",
        .load_seconds = 0.25,
    };
    if (path.contains("odd")) {
      info.recommended = {{"temp", "0.6"}, {"top_k", "20"},     {"penalty_repeat", "1.05"},
                          {"top_p", "7"},  {"novelty", "\x1b"}, {"sequence", "top_k;temperature"}};
      info.warnings = {"the file is \x1b odd"};
    }
    return info;
  }

  Result<ChatStats> generate(const ChatRequest& asked, const ChatCallbacks& callbacks) override {
    request = asked;
    messages.assign(asked.messages.begin(), asked.messages.end());
    dry_breakers.assign(asked.dry_breakers.begin(), asked.dry_breakers.end());
    stop_texts.assign(asked.stop_texts.begin(), asked.stop_texts.end());
    raw_text = asked.raw_text;
    std::vector<std::string> prompt = words_of(raw_text);
    for (const ChatMessage& message : messages)
      for (std::string& word : words_of(message.content)) prompt.push_back(std::move(word));
    if (prompt.size() >= n_ctx_)
      return fail(
          ErrorCode::kContextFull,
          fmt::format("the prompt has {} tokens and the context holds {}", prompt.size(), n_ctx_));

    ChatStats stats;
    stats.n_prompt = prompt.size();
    stats.n_cached = uint64_t(std::ranges::mismatch(prompt, context_).in1 - prompt.begin());
    stats.prompt_seconds = 0.5;
    context_ = prompt;
    if (callbacks.on_prompt && !callbacks.on_prompt(prompt.size(), prompt.size())) {
      stats.stop = StopReason::kCancelled;
      return stats;
    }
    think_and_call(messages.empty() ? raw_text : messages.back().content, callbacks, &stats);
    answer(messages.empty() ? raw_text : messages.back().content, callbacks, &stats);
    stats.generate_seconds = 0.25;
    stats.n_context_used = context_.size();
    return stats;
  }

 private:
  static std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    size_t at = 0;
    while ((at = text.find_first_not_of(" \n", at)) != std::string_view::npos) {
      const size_t end = std::min(text.find_first_of(" \n", at), text.size());
      words.emplace_back(text.substr(at, end - at));
      at = end;
    }
    return words;
  }

  // "ponder": reasons before the answer. "look up": calls a tool, and something is odd.
  static void think_and_call(const std::string& question, const ChatCallbacks& callbacks,
                             ChatStats* stats) {
    if (question.contains("ponder")) {
      stats->reply.reasoning = "hm, well";
      if (callbacks.on_reasoning) callbacks.on_reasoning(stats->reply.reasoning);
    }
    if (question.contains("look up")) {
      stats->reply.calls = {{.id = "abc", .name = "find", .arguments = R"({"x": 1})"}};
      stats->reply.warnings = {"an odd call"};
    }
  }

  void answer(const std::string& question, const ChatCallbacks& callbacks, ChatStats* stats) {
    const bool counts = question.contains("count");
    std::vector<std::string> words = {has_template_ ? "Echo:" : "and so:"};
    if (question.contains("hostile")) words.push_back("\x1b]0;owned\x07");
    for (std::string& word : words_of(question)) words.push_back(std::move(word));
    for (uint64_t i = 0; counts || i < words.size(); ++i) {
      if (context_.size() == n_ctx_) {
        stats->stop = StopReason::kContextFull;
        return;
      }
      if (request.predict_max >= 0 && int64_t(i) == request.predict_max) {
        stats->stop = StopReason::kLength;
        return;
      }
      if (counts) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::string word = counts ? fmt::format("{}", i + 1) : words[i];
      context_.push_back(word);
      ++stats->n_generated;
      if (!callbacks.on_text(i == 0 ? word : " " + word)) {
        stats->stop = StopReason::kCancelled;
        return;
      }
    }
  }

  std::vector<std::string> context_;
  uint64_t n_ctx_ = kDefaultCtx;
  bool has_template_ = true;
};

}  // namespace hearth::app
