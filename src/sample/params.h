// SamplerParams: everything a person can set about how a token is chosen from logits. One struct,
// defaults in place. Filled by the command line and the API dialects; read by SamplerChain. Names
// and defaults are those of the field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::sample {

enum class Stage : uint8_t {
  kPenalties,
  kDry,
  kTopNSigma,
  kTopK,
  kTypicalP,
  kTopP,
  kMinP,
  kXtc,
  kTemperature,
};

inline constexpr std::string_view kDefaultOrder =
    "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature";

struct SamplerParams {
  // The stages, in the order they are applied, separated by ';' (or ','). A stage left out is not
  // applied, whatever its values. `logit_bias` always comes first; the draw always comes last.
  std::string order = std::string(kDefaultOrder);
  // The caller picks a random one when the person named none, and reports it.
  uint64_t seed = 0;
  // No truncating stage leaves fewer candidates than this (except top_k and temperature 0).
  int min_keep = 0;

  float temperature = 0.8f;  // 0 = greedy: the highest logit, the lowest id among equals
  float dynatemp_range =
      0.0f;  // > 0: temperature moves in [temperature - range, temperature + range] with entropy
  float dynatemp_exponent = 1.0f;

  int top_k = 40;                // 0 or less = off
  float top_p = 0.95f;           // 1 = off
  float min_p = 0.05f;           // 0 = off
  float typical_p = 1.0f;        // 1 = off
  float top_n_sigma = -1.0f;     // 0 or less = off
  float xtc_probability = 0.0f;  // 0 = off
  float xtc_threshold = 0.1f;    // above 0.5 = off

  int penalty_last_n = 64;         // window of the three penalties; 0 = off, -1 = all tokens so far
  float repeat_penalty = 1.0f;     // 1 = off
  float frequency_penalty = 0.0f;  // 0 = off
  float presence_penalty = 0.0f;   // 0 = off

  float dry_multiplier = 0.0f;  // 0 = off
  float dry_base = 1.75f;
  int dry_allowed_length = 2;
  int dry_penalty_last_n = -1;  // window; 0 = off, -1 = all tokens so far
  // Token sequences across which no repetition is seen ("\n", ":", "\"", "*" by custom; the caller
  // tokenizes them).
  std::vector<std::vector<int32_t>> dry_sequence_breakers;

  // 1 or 2: mirostat replaces the truncating stages (top_n_sigma to xtc); penalties, dry and
  // temperature stay.
  int mirostat = 0;
  float mirostat_tau = 5.0f;  // wanted surprise, bits
  float mirostat_eta = 0.1f;  // learning rate

  // Added to the logits of these ids; -infinity forbids an id.
  std::vector<std::pair<int32_t, float>> logit_bias;

  // Every value in its range, the order readable. The message names the field, the value and the
  // range.
  [[nodiscard]] Result<void> validate() const;
};

// "top_k;temperature" -> stages. Accepts the aliases typical_p, temp and the '-' spelling. Each at
// most once.
Result<std::vector<Stage>> parse_order(std::string_view order);

}  // namespace hearth::sample
