#include "app/chat_session.h"

#include <random>
#include <utility>

#include "app/chat_parameters.h"

namespace hearth::app {

Result<void> ChatSession::load(const std::string& path, const ChatLoadOptions& options,
                               const LoadProgress& progress) {
  HEARTH_ASSIGN(info_, backend_.load(path, options, progress));
  path_ = path;
  load_options_ = options;
  warnings_ = info_.warnings;
  for (std::string& problem : take_recommended(info_.recommended, settings_))
    warnings_.push_back(std::move(problem));
  clear();
  return {};
}

Result<void> ChatSession::reload(const ChatLoadOptions& options, const LoadProgress& progress) {
  HEARTH_ASSIGN(info_, backend_.load(path_, options, progress));
  load_options_ = options;
  context_used_ = 0;
  return {};
}

void ChatSession::clear() {
  messages_.clear();
  context_used_ = 0;
}

Result<ChatStats> ChatSession::ask(const std::string& text, const ChatCallbacks& callbacks) {
  ChatRequest request;
  std::vector<ChatMessage> conversation;
  if (converses()) {
    if (!settings_.system.empty()) conversation.push_back({ChatRole::kSystem, settings_.system});
    conversation.insert(conversation.end(), messages_.begin(), messages_.end());
    conversation.push_back({ChatRole::kUser, text});
    request.messages = conversation;
  } else {
    request.raw_text = text;
    request.raw_has_special = settings_.raw;
  }
  // 32 bits: short enough to be typed again.
  last_seed_ = settings_.seed_given ? settings_.sampling.seed : std::random_device()();
  request.sampling = settings_.sampling;
  request.sampling.seed = last_seed_;
  request.predict_max = settings_.predict_max;
  request.stop_texts = settings_.stop_texts;
  request.dry_breakers = settings_.dry_breakers;
  request.think = settings_.think;
  request.format = settings_.format;
  request.tools = &settings_.tools;

  std::string answer;
  ChatCallbacks watched = callbacks;
  watched.on_text = [&](std::string_view piece) {
    answer += piece;
    return !callbacks.on_text || callbacks.on_text(piece);
  };
  HEARTH_ASSIGN(const ChatStats stats, backend_.generate(request, watched));
  context_used_ = stats.n_context_used;
  const bool unanswered = answer.empty() && stats.stop == StopReason::kCancelled;
  if (converses() && !unanswered) {
    messages_.push_back(std::move(conversation.back()));
    messages_.push_back({ChatRole::kAssistant, std::move(answer), stats.reply.reasoning});
  }
  return stats;
}

}  // namespace hearth::app
