#include "engine/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::engine {

Result<int64_t> Session::prompt(std::span<const int32_t> ids, const PromptProgress& progress) {
  if (ids.empty())
    return fail(ErrorCode::kInvalidArgument, "the prompt is empty", "give it some text");
  if (int64_t(ids.size()) > engine_.n_ctx())
    return fail(ErrorCode::kContextFull,
                fmt::format("the prompt has {} tokens, but the context holds {}", ids.size(),
                            engine_.n_ctx()),
                "shorten the prompt, start over with /clear, or use a larger context (--ctx)");
  auto kept =
      size_t(std::mismatch(ids.begin(), ids.end(), ids_.begin(), ids_.end()).first - ids.begin());
  // The last token is always read: its logits are wanted.
  kept = std::min(kept, ids.size() - 1);
  kept = size_t(engine_.trim(sequence_, int64_t(kept)));
  ids_.resize(kept);

  const size_t stop = snapshot_place(ids.size());
  const auto n_batch = size_t(engine_.decoder().limits().n_batch);
  for (size_t at = kept; at < ids.size(); at = ids_.size()) {
    if (progress && !progress(int64_t(at), int64_t(ids.size())))
      return fail(ErrorCode::kCancelled, "stopped while reading the prompt");
    const size_t end = at < stop ? stop : ids.size();
    const std::span<const int32_t> piece = ids.subspan(at, std::min(n_batch, end - at));
    HEARTH_TRY(feed(piece, at + piece.size() == ids.size()));
    if (ids_.size() == stop) engine_.snapshot(sequence_);
  }
  if (progress) progress(int64_t(ids.size()), int64_t(ids.size()));
  return int64_t(kept);
}

Result<void> Session::append(int32_t id) { return feed({&id, 1}, true); }

size_t Session::snapshot_place(size_t n_ids) const {
  return engine_.kv().has_states() && n_ids > kSnapshotBefore ? n_ids - kSnapshotBefore : 0;
}

void Session::clear() {
  engine_.trim(sequence_, 0);
  ids_.clear();
  logits_ = {};
}

Result<void> Session::feed(std::span<const int32_t> ids, bool wants_logits) {
  batch_.clear();
  for (const int32_t id : ids) batch_.push_back({.token = id, .sequence = sequence_});
  batch_.back().wants_logits = wants_logits;
  HEARTH_ASSIGN(logits_, engine_.feed(batch_));
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  return {};
}

}  // namespace hearth::engine
