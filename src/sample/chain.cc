#include "sample/chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "sample/temperature.h"
#include "sample/truncate.h"

namespace hearth::sample {
namespace {

// Tokens the history must keep for the windows in use; -1 = all.
int history_window(const SamplerParams& p) {
  const int dry = p.dry_multiplier > 0 ? p.dry_penalty_last_n : 0;
  return p.penalty_last_n < 0 || dry < 0 ? -1 : std::max(p.penalty_last_n, dry);
}

bool truncates(Stage stage) {
  return stage != Stage::kPenalties && stage != Stage::kDry && stage != Stage::kTemperature;
}

// Stages that never drop the best candidate: before temperature 0 they change nothing.
bool keeps_best(Stage stage) {
  return stage == Stage::kTopK || stage == Stage::kTopP || stage == Stage::kMinP ||
         stage == Stage::kTopNSigma;
}

}  // namespace

Result<SamplerChain> SamplerChain::create(const SamplerParams& params, int n_vocab) {
  HEARTH_CHECK(n_vocab > 0);
  HEARTH_TRY(params.validate());
  for (const auto& [id, bias] : params.logit_bias) {
    if (id >= n_vocab)
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("logit_bias names token {}; this model's ids are 0 to {}", id, n_vocab - 1));
  }
  HEARTH_ASSIGN(std::vector<Stage> stages, parse_order(params.order));
  return SamplerChain(params, n_vocab, std::move(stages));
}

SamplerChain::SamplerChain(const SamplerParams& params, int n_vocab, std::vector<Stage> stages)
    : params_(params),
      n_vocab_(n_vocab),
      stages_(std::move(stages)),
      rng_(params.seed),
      history_(history_window(params)) {
  std::sort(params_.logit_bias.begin(), params_.logit_bias.end());
  std::erase_if(stages_, [this](Stage s) { return !is_active(s); });
  const auto has = [this](Stage s) {
    return std::find(stages_.begin(), stages_.end(), s) != stages_.end();
  };
  if (has(Stage::kPenalties))
    penalties_.emplace(PenaltyParams{.last_n = params.penalty_last_n,
                                     .repeat = params.repeat_penalty,
                                     .frequency = params.frequency_penalty,
                                     .presence = params.presence_penalty},
                       n_vocab);
  if (has(Stage::kDry))
    dry_.emplace(DryParams{.multiplier = params.dry_multiplier,
                           .base = params.dry_base,
                           .allowed_length = params.dry_allowed_length,
                           .breakers = params.dry_sequence_breakers},
                 n_vocab);
  if (params.mirostat != 0)
    mirostat_.emplace(MirostatParams{.version = params.mirostat,
                                     .tau = params.mirostat_tau,
                                     .eta = params.mirostat_eta,
                                     .n_vocab = n_vocab});
  // Greedy: what can neither drop the best candidate nor change which one that is, is skipped.
  const bool greedy = has(Stage::kTemperature) && params.temperature == 0 &&
                      params.dynatemp_range == 0 && !has(Stage::kXtc) && !has(Stage::kTypicalP);
  if (greedy) std::erase_if(stages_, keeps_best);
}

bool SamplerChain::is_active(Stage stage) const {
  const SamplerParams& p = params_;
  if (p.mirostat != 0 && truncates(stage)) return false;
  switch (stage) {
    case Stage::kPenalties:
      return p.penalty_last_n != 0 &&
             (p.repeat_penalty != 1 || p.frequency_penalty != 0 || p.presence_penalty != 0);
    case Stage::kDry:
      return p.dry_multiplier > 0 && p.dry_penalty_last_n != 0;
    case Stage::kTopNSigma:
      return p.top_n_sigma > 0;
    case Stage::kTopK:
      return p.top_k > 0;
    case Stage::kTypicalP:
      return p.typical_p < 1;
    case Stage::kTopP:
      return p.top_p < 1;
    case Stage::kMinP:
      return p.min_p > 0;
    case Stage::kXtc:
      return p.xtc_probability > 0 && p.xtc_threshold <= 0.5f;
    case Stage::kTemperature:
      return p.temperature != 1 || p.dynatemp_range > 0;
  }
  return false;
}

void SamplerChain::constrain(std::shared_ptr<const Constraint> constraint) {
  HEARTH_CHECK(constraint->tokens().n_vocab() == size_t(n_vocab_));
  constraint_.emplace(std::move(constraint));
  constraint_broken_ = false;
}

bool SamplerChain::constrain(std::shared_ptr<const Constraint> constraint, std::string_view begun) {
  HEARTH_CHECK(constraint->tokens().n_vocab() == size_t(n_vocab_));
  ConstraintState state(std::move(constraint));
  if (!begun.empty() && !state.accept_text(begun)) return false;
  constraint_.emplace(std::move(state));
  constraint_broken_ = false;
  return true;
}

void SamplerChain::release_constraint() {
  constraint_.reset();
  constraint_broken_ = false;
}

void SamplerChain::accept(int32_t token) {
  if (constraint_ && !constraint_->accept(token)) constraint_broken_ = true;
  if (!penalties_ && !dry_) return;
  history_.push(token);
  if (penalties_) penalties_->accept(token, history_);
}

void SamplerChain::apply(Stage stage) {
  const SamplerParams& p = params_;
  Candidates& c = candidates_;
  const size_t min_keep = size_t(p.min_keep);
  switch (stage) {
    case Stage::kPenalties:
      return penalties_->apply(c);
    case Stage::kDry:
      return dry_->apply(c, history_.last(p.dry_penalty_last_n));
    case Stage::kTopNSigma:
      return top_n_sigma(c, p.top_n_sigma);
    case Stage::kTopK:
      return top_k(c, p.top_k);
    case Stage::kTypicalP:
      return typical_p(c, p.typical_p, min_keep);
    case Stage::kTopP:
      return top_p(c, p.top_p, min_keep);
    case Stage::kMinP:
      return min_p(c, p.min_p, min_keep);
    case Stage::kXtc:
      return xtc(c, {.probability = p.xtc_probability, .threshold = p.xtc_threshold}, min_keep,
                 rng_);
    case Stage::kTemperature:
      if (p.dynatemp_range > 0)
        return dynamic_temperature(
            c, {.t = p.temperature, .range = p.dynatemp_range, .exponent = p.dynatemp_exponent});
      return temperature(c, p.temperature);
  }
}

int32_t SamplerChain::sample(std::span<const float> logits) {
  HEARTH_CHECK(logits.size() == size_t(n_vocab_));
  if (constraint_broken_) {
    candidates_.keep_first(0);
    return kNoToken;
  }
  const TokenMask* mask = constraint_ ? &constraint_->mask() : nullptr;
  candidates_.assign(logits, params_.logit_bias, mask);
  if (candidates_.size() == 0) return kNoToken;
  for (const Stage stage : stages_) apply(stage);
  size_t place = 0;
  if (mirostat_) {
    place = mirostat_->draw(candidates_, rng_);
  } else if (candidates_.size() > 1) {
    place = candidates_.draw(rng_.uniform());
  }
  return candidates_.all()[place].id;
}

std::span<const Candidate> SamplerChain::top(size_t n) {
  if (candidates_.size() == 0) return {};
  candidates_.softmax();
  candidates_.sort_prefix(n);
  return std::span<const Candidate>(candidates_.all()).first(std::min(n, candidates_.size()));
}

void SamplerChain::reset() {
  release_constraint();
  rng_.reseed(params_.seed);
  history_.clear();
  if (penalties_) penalties_->clear();
  if (mirostat_) mirostat_->clear();
}

std::optional<double> SamplerChain::mirostat_mu() const {
  return mirostat_ ? std::optional(mirostat_->mu()) : std::nullopt;
}

}  // namespace hearth::sample
