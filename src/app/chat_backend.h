// ChatBackend: what `hearth run` needs of the engine: load a model, answer a conversation. The real
// one is chat_backend.cc; tests of the chat loop have one that answers from a script. Knows no
// terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/output_format.h"
#include "base/result.h"
#include "engine/thread_choice.h"
#include "engine/weight_store.h"
#include "sample/params.h"
#include "text/reply/event.h"
#include "text/reply/reply_format.h"
#include "text/reply/tool_list.h"

namespace hearth::app {

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string content;  // UTF-8
  std::string reasoning =
      {};  // of the assistant; whether the model sees it again is the template's
};

struct ChatLoadOptions {
  uint64_t ctx = 0;                           // tokens; 0: what the model allows, bounded by memory
  uint64_t threads = 0;                       // 0: chosen
  engine::ThreadRequest thread_request = {};  // all but how many generate
  std::string isa;                            // empty: the best this CPU has
  std::string kv;                             // type of the KV cache (tensor/kv_type.h)
  std::string chat_template;  // name or path that replaces the file's own; empty: the file's own
  engine::WeightOptions weights;  // where the weights come from
};

// A value that the model's file recommends for choosing tokens (general.sampling.*).
struct RecommendedValue {
  std::string key;  // without the prefix: "temp"
  std::string text;
};

// What is said about a loaded model. Texts come from the file and are not made safe for a terminal.
struct ChatModelInfo {
  std::string name;
  std::string architecture;
  std::string quantization;   // "Q4_K_M"
  std::string license;        // empty: the file states none
  std::string chat_template;  // source text
  bool has_template = false;  // false: the model continues text, it does not converse
  uint64_t n_parameters = 0;
  uint64_t n_embedding = 0;
  uint64_t n_ctx = 0;
  uint64_t n_ctx_train = 0;
  std::string n_ctx_reason;  // why n_ctx is what it is: "the model's maximum"
  uint64_t weights_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t scratch_bytes = 0;
  std::string weights_reason;   // how the weights came into memory, and why
  uint64_t threads = 0;         // that generate
  uint64_t threads_prompt = 0;  // that read prompts
  std::string threads_reason;   // why so many
  std::string isa;
  double load_seconds = 0;
  std::vector<RecommendedValue> recommended = {};
  std::vector<std::string> warnings = {};  // oddities of the file, a sentence or two each
};

enum class StopReason {
  kEnd,          // the model ended its answer
  kStopText,     // one of the request's stop texts came
  kLength,       // predict_max tokens are generated
  kContextFull,  // the context has no room for the next token
  kCancelled,    // a callback said so
};

struct ChatRequest {
  std::span<const ChatMessage>
      messages;                  // a conversation that ends with a message of the user; or empty:
  std::string_view raw_text;     // then this text is continued as it stands
  bool raw_has_special = false;  // "<|im_start|>" in raw_text is the token, not text
  sample::SamplerParams sampling;
  int64_t predict_max = -1;  // tokens; -1: until the answer or the context ends
  std::span<const std::string> stop_texts;
  std::span<const std::string> dry_breakers;  // the backend makes tokens of them
  text::ThinkRequest think = {};
  const text::ToolList* tools = nullptr;            // what the model may call; none: nothing
  std::shared_ptr<const OutputFormat> format = {};  // that the answer is held to; null: none
};

struct ChatStats {
  uint64_t n_prompt = 0;  // tokens of the whole prompt
  uint64_t n_cached = 0;  // of those, taken from the KV cache of the last answer
  uint64_t n_generated = 0;
  uint64_t n_context_used = 0;  // tokens in the context now
  double prompt_seconds = 0;
  double generate_seconds = 0;
  StopReason stop = StopReason::kEnd;
  text::Reply reply = {};               // of a conversation: text, reasoning, calls, warnings
  std::vector<std::string> notes = {};  // what could not be done as asked, a sentence each
};

// Called while something runs; returning false stops it soon. Called on the thread that called the
// backend.
struct ChatCallbacks {
  // Tokens of the prompt that have been read; at least once for every batch.
  std::function<bool(uint64_t done, uint64_t total)> on_prompt = {};
  // The next piece of the answer: whole UTF-8 characters. May be empty.
  std::function<bool(std::string_view text)> on_text = {};
  // The next piece of what the model thinks before it answers.
  std::function<bool(std::string_view text)> on_reasoning = {};
};

// Bytes of the file that have been read.
using LoadProgress = std::function<bool(uint64_t done, uint64_t total)>;

class ChatBackend {
 public:
  virtual ~ChatBackend() = default;
  // Replaces the loaded model. After an error the model before, if there was one, still answers.
  virtual Result<ChatModelInfo> load(const std::string& path, const ChatLoadOptions& options,
                                     const LoadProgress& progress) = 0;
  // A stop by a callback is no error. kContextFull: the prompt alone is longer than the context
  // (the message names both counts); nothing is ever cut silently. REQUIRES: a model is loaded.
  virtual Result<ChatStats> generate(const ChatRequest& request,
                                     const ChatCallbacks& callbacks) = 0;
};

// The real one (chat_backend.cc).
std::unique_ptr<ChatBackend> make_chat_backend();

}  // namespace hearth::app
