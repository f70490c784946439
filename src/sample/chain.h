// SamplerChain: logits -> token, for one sequence. Built from SamplerParams; the engine calls
// accept() for every token of the sequence, prompt included, and sample() for every new one.
//
// The draw. After the stages, the candidates stand in canonical order (probability descending, then
// id ascending); one 53-bit uniform number u is taken and the first candidate whose running sum of
// probability exceeds u is chosen. A single candidate takes no number. All arithmetic is ours or
// IEEE's, so seed, parameters, history and logits determine the token on every platform.
//
// Not thread-safe; one chain per sequence. No allocation per token after the first few (History
// grows with -1 windows).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/candidates.h"
#include "sample/constraint.h"
#include "sample/dry.h"
#include "sample/mirostat.h"
#include "sample/params.h"
#include "sample/penalties.h"
#include "sample/rng.h"

namespace hearth::sample {

// Returned by sample() when every logit is NaN or -infinity: no token is possible. The engine ends
// the sequence with an error; emitting an arbitrary id would hide a broken model or a grammar
// without continuation.
inline constexpr int32_t kNoToken = -1;

class SamplerChain {
 public:
  // kInvalidArgument if the parameters do not validate or name ids beyond n_vocab.
  static Result<SamplerChain> create(const SamplerParams& params, int n_vocab);

  // Tells the chain that the sequence now ends with `token`. Ids outside the vocabulary (image
  // places) only take part in DRY's matching.
  void accept(int32_t token);

  // logits  // [n_vocab] f32. Does not call accept().
  int32_t sample(std::span<const float> logits);

  // From now on only tokens that the constraint allows are sampled, and accept() moves it on; so
  // call this when the prompt has been accepted and the constrained part begins: at once, or behind
  // the thinking. After a token that it does not allow, accepted all the same, nothing is sampled
  // any more (kNoToken): better no text than a wrong one. REQUIRES: the constraint's vocabulary is
  // this one.
  void constrain(std::shared_ptr<const Constraint> constraint);
  // The same where some of the constrained text has come already: `begun`. False, and nothing
  // changes, if the constraint does not allow it.
  [[nodiscard]] bool constrain(std::shared_ptr<const Constraint> constraint,
                               std::string_view begun);
  void release_constraint();
  [[nodiscard]] bool is_constrained() const { return constraint_.has_value(); }
  // Where the constrained text stands; nullptr without a constraint.
  [[nodiscard]] const ConstraintState* constraint() const {
    return constraint_ ? &*constraint_ : nullptr;
  }

  // The candidates of the last sample(), after all stages, with p (they sum to 1): the best n in
  // canonical order.
  std::span<const Candidate> top(size_t n);
  [[nodiscard]] size_t n_candidates() const { return candidates_.size(); }

  // Forgets the history and the constraint, and starts the random numbers and mirostat anew.
  void reset();
  // An independent copy in the same state.
  [[nodiscard]] SamplerChain clone() const { return *this; }

  [[nodiscard]] const SamplerParams& params() const { return params_; }
  [[nodiscard]] int n_vocab() const { return n_vocab_; }
  // Mirostat's running bound; nullopt without mirostat.
  [[nodiscard]] std::optional<double> mirostat_mu() const;

 private:
  SamplerChain(const SamplerParams& params, int n_vocab, std::vector<Stage> stages);
  [[nodiscard]] bool is_active(Stage stage) const;
  void apply(Stage stage);

  SamplerParams params_;
  int n_vocab_;
  std::vector<Stage> stages_;  // those that do something, in order
  Rng rng_;
  History history_;
  std::optional<Penalties> penalties_;
  std::optional<Dry> dry_;
  std::optional<Mirostat> mirostat_;
  std::optional<ConstraintState> constraint_;
  bool constraint_broken_ = false;
  Candidates candidates_;
};

}  // namespace hearth::sample
