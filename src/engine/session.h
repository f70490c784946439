// Session: one conversation's tokens in one sequence of the engine. Gives a whole prompt and it
// feeds only what is new; gives tokens one by one while an answer is generated. No text, no
// sampling.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace hearth::engine {

class Session {
 public:
  // `engine` must outlive the session; nobody else may use the sequence.
  Session(Engine& engine, int sequence) : engine_(engine), sequence_(sequence) {}

  // Called between steps with the tokens read so far and all; returning false stops.
  using PromptProgress = std::function<bool(int64_t done, int64_t total)>;

  // Makes the sequence hold exactly `ids` and computes the logits behind the last. What the
  // sequence already holds in common with `ids` is kept and not read again (of a model with
  // recurrent layers: up to the last snapshot). Returns how many tokens were kept. Errors:
  // kInvalidArgument (no ids); kContextFull with both counts, before anything is changed;
  // kCancelled by `progress`: what was read so far is kept.
  Result<int64_t> prompt(std::span<const int32_t> ids, const PromptProgress& progress = {});

  // Appends one token and computes the logits behind it. Errors: kContextFull.
  Result<void> append(int32_t id);

  // [n_vocab] behind the last token. REQUIRES: a successful prompt or append, nothing fed to the
  // engine since.
  [[nodiscard]] std::span<const float> logits() const { return logits_; }
  [[nodiscard]] const std::vector<int32_t>& ids() const { return ids_; }
  void clear();

 private:
  // Where a prompt's state is kept (KvCache::snapshot): so far before its end that the next prompt
  // of the conversation still begins with these tokens. The end itself is often told otherwise the
  // next time: it opens the answer, with or without thinking, in some 5 to 12 tokens.
  static constexpr size_t kSnapshotBefore = 16;
  [[nodiscard]] size_t snapshot_place(size_t n_ids) const;
  Result<void> feed(std::span<const int32_t> ids, bool wants_logits);

  Engine& engine_;
  int sequence_;
  std::vector<int32_t> ids_;
  std::vector<BatchToken> batch_;
  std::span<const float> logits_;
};

}  // namespace hearth::engine
