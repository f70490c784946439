// ChatSession: a conversation with one model: settings, messages, and the rule that keeps them
// consistent. Called by the chat loop and by the one-shot mode of `hearth run`. Prints nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/chat_backend.h"
#include "base/result.h"
#include "sample/params.h"

namespace hearth::app {

// Who decided on a setting. What nobody did has its default.
enum class ValueSource { kModelFile, kPerson };

struct ChatSettings {
  std::string system;  // empty: none
  sample::SamplerParams sampling;
  bool seed_given = false;  // false: every answer draws its own seed
  int64_t predict_max = -1;
  std::vector<std::string> stop_texts;
  text::ThinkRequest think;
  bool hide_reasoning = false;
  text::ToolList tools;                        // what the model may call
  std::shared_ptr<const OutputFormat> format;  // null: none
  bool raw = false;  // continue what is entered although the model has a chat template
  // Where a phrase ends for DRY. By custom these.
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};
  std::map<std::string, ValueSource, std::less<>> sources;  // by parameter (chat_parameters.h)
};

class ChatSession {
 public:
  // The backend must outlive the session.
  explicit ChatSession(ChatBackend& backend) : backend_(backend) {}

  // Loads a model and starts a new conversation. The settings stay, but for what the file
  // recommends where the person has said nothing. After an error all is as before.
  Result<void> load(const std::string& path, const ChatLoadOptions& options,
                    const LoadProgress& progress);

  // Loads the same model with other options; the conversation stays. After an error all is as
  // before.
  Result<void> reload(const ChatLoadOptions& options, const LoadProgress& progress);

  // Asks and remembers both sides, so that the next question reads only its own tokens. An answer
  // that was stopped is remembered as far as it came; a question that got no word of an answer
  // (stopped early, an error) is forgotten, so that the conversation always is question, answer,
  // question, answer. A model without a chat template (and any with settings().raw) continues the
  // text, and nothing is remembered. REQUIRES: load() has succeeded.
  Result<ChatStats> ask(const std::string& text, const ChatCallbacks& callbacks);

  // Forgets the messages, not the settings.
  void clear();

  [[nodiscard]] ChatSettings& settings() { return settings_; }
  [[nodiscard]] const ChatSettings& settings() const { return settings_; }
  [[nodiscard]] const std::vector<ChatMessage>& messages() const {
    return messages_;
  }  // without the system's
  [[nodiscard]] const ChatModelInfo& info() const { return info_; }
  // What the person should hear once about the model that was loaded: a sentence each.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  // Whether entries are turns of a conversation, not texts to be continued.
  [[nodiscard]] bool converses() const { return info_.has_template && !settings_.raw; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const ChatLoadOptions& load_options() const { return load_options_; }
  [[nodiscard]] uint64_t context_used() const { return context_used_; }
  [[nodiscard]] uint64_t last_seed() const { return last_seed_; }

 private:
  ChatBackend& backend_;
  ChatSettings settings_;
  std::vector<ChatMessage> messages_;
  std::string path_;
  ChatLoadOptions load_options_;
  ChatModelInfo info_;
  std::vector<std::string> warnings_;
  uint64_t context_used_ = 0;
  uint64_t last_seed_ = 0;
};

}  // namespace hearth::app
