// Rope frequencies of one model at one context length. Formulas: briefs models-and-formats 2.4.2;
// YaRN is Peng et al. 2023 (arXiv:2309.00071), LongRoPE Ding et al. 2024 (arXiv:2402.13753).
#pragma once

#include <span>
#include <vector>

#include "model/hyper_params.h"

namespace hearth::model {

struct RopeConfig {
  std::vector<double> inv_freq;  // [n_rot / 2] angle of pair i at position p: p * inv_freq[i]
  float mscale = 1;              // multiplies cos and sin
};

// Those of a model's layers.
struct Ropes {
  RopeConfig main;
  RopeConfig window;  // of layers that slide
};

// `factors` divides the frequency of each pair: Llama 3's rope_freqs, or LongRoPE's long or short
// list; may be empty.
RopeConfig make_rope(const RopeParams& params, std::span<const float> factors);

}  // namespace hearth::model
