// HyperParams: the numbers of one model, read from its metadata and checked. Keys: briefs
// models-and-formats 2.2. Read by the loader (shapes), the decoder (graphs), show and the memory
// plan.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/gguf_value.h"
#include "model/spec.h"

namespace hearth::model {

struct LayerParams {
  int n_heads = 0;
  int n_kv_heads = 0;
  int n_ff = 0;
  int window = 0;        // sliding window, the token itself included; 0: sees everything
  float attn_scale = 0;  // of the scores
  // Floats of a sequence's recurrent state; 0: none. A layer without attention has n_kv_heads = 0.
  int64_t conv_state = 0;    // the last inputs of its convolution, or of its token shift
  int64_t matrix_state = 0;  // what the recurrence holds; stands behind them
};

enum class RopeScaling : uint8_t { kNone, kLinear, kYarn, kLongRope };

struct RopeParams {
  int n_rot = 0;  // values of a head that rotate
  double freq_base = 10000;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1;           // the context is this much longer than the trained one
  int64_t n_ctx_original = 0;  // trained context
  double attn_factor = 1;
  double beta_fast = 32;
  double beta_slow = 1;
  double log_multiplier = 0;
};

struct HyperParams {
  const ArchSpec* arch = nullptr;
  std::string name;  // general.name; may be empty
  int64_t n_embd = 0;
  int64_t n_vocab = 0;
  int64_t n_ctx_train = 0;
  int head_dim_k = 0;
  int head_dim_v = 0;
  float norm_eps = 0;
  std::vector<LayerParams> layers;
  RopeParams rope;

  int n_experts = 0;
  int n_experts_used = 0;
  int n_ff_expert = 0;
  float expert_weight_scale = 1;

  float embed_scale = 1;
  float attn_softcap = 0;
  float final_softcap = 0;
  float logit_scale = 1;

  [[nodiscard]] int n_layers() const { return int(layers.size()); }
  // The value of a symbolic size in `layer` (ignored for sizes of the whole model); 0 for
  // Dim::kNone.
  [[nodiscard]] int64_t size(Dim dim, int layer) const;
};

// Errors: kUnsupported for an unknown architecture (says the nearest known and what is known);
// kCorrupt for keys that are missing, of the wrong kind, or impossible.
Result<HyperParams> read_hyper_params(const format::Metadata& metadata);

}  // namespace hearth::model
