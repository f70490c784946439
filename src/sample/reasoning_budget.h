// ReasoningBudget: how long a model may think. When the tokens are spent, it forces those that end
// the reasoning, one by one, in place of what the chain would choose. Called before each token by
// whoever generates; knows no text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hearth::sample {

class ReasoningBudget {
 public:
  static constexpr int32_t kFree = -1;

  // `tokens_max`: -1 for no bound. `end`: the ids that end the reasoning; none: nothing is forced.
  ReasoningBudget(int64_t tokens_max, std::vector<int32_t> end)
      : left_(tokens_max), bounded_(tokens_max >= 0), end_(std::move(end)) {}

  // The id that must come next, or kFree. `thinking`: whether the next token belongs to the
  // reasoning. Once it has begun to force it goes on to the end, and never begins again.
  int32_t next(bool thinking) {
    if (!forcing_ && bounded_ && thinking && left_-- <= 0) forcing_ = true;
    if (!forcing_ || forced_ == end_.size()) return kFree;
    return end_[forced_++];
  }
  [[nodiscard]] bool spent() const { return forcing_; }

 private:
  int64_t left_;
  bool bounded_;
  bool forcing_ = false;
  size_t forced_ = 0;
  std::vector<int32_t> end_;
};

}  // namespace hearth::sample
