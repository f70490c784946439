// Graph: the operations of one step, in execution order, on activation tensors. Built by
// model/decoder from a spec, planned here (one buffer, lifetimes packed), executed by a Backend.
// Holds no data and no device code.
//
// Every activation is a row-major f32 matrix [rows, width]. An operand is a View: some columns of a
// tensor, so that fused projections (Q|K|V, gate|up) need no copies.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tensor/recurrent.h"
#include "tensor/view.h"
#include "tensor/weight.h"

namespace hearth::tensor {

enum class Activation : uint8_t { kSilu, kGeluTanh };
enum class RopePairing : uint8_t { kNone, kNorm, kNeox };

// out[i] = scale * row(token i); rows come from the embedding matrix, or from
// StepInputs::embeddings (not scaled).
struct EmbedOp {
  const Weight* weight;  // [vocab, d]
  float scale;
  View out;  // [n, d]
};

// out = StepInputs::hidden.
struct HiddenInputOp {
  View out;  // [n, d]
};

// y = x / sqrt(mean(x^2) + eps) * w            (RMS), or
// y = (x - mean) / sqrt(var + eps) * w + b     (layer norm), over the values of a row, or of a
// head.
struct Norm {
  const float* weight = nullptr;  // [row or head]; null: no norm
  const float* bias = nullptr;    // the same, or null
  float eps = 0;
  bool layer_norm = false;
  [[nodiscard]] bool present() const { return weight != nullptr; }
};

// out = norm(in), or out += norm(in).
struct NormOp {
  View in;
  View out;
  Norm norm;
  bool accumulate = false;
};

// out[j] = weight[j] * norm(in) (+ bias), or out[j] += that, for up to three weights that read the
// same rows. No `out` is `in`.
struct MatMulOp {
  static constexpr int kMaxWeights = 3;
  View in;  // [n, k]
  int n_weights;
  const Weight* weights[kMaxWeights];
  View out[kMaxWeights];  // [n, rows of the weight]
  Norm norm = {};         // of the rows of `in`
  bool accumulate = false;
};

// out[t] = (cos, sin) * mscale of positions[t] * inv_freq[i], interleaved: [n, 2 * n_pairs].
struct RopeTableOp {
  const double* inv_freq;  // [n_pairs], owned by the model's rope config
  int64_t n_pairs;
  float mscale;
  View out;
};

// Appends this step's K and V rows to layer `layer` of the cache. Before, in place: the heads of q
// and k are normalized, then the first 2 * n_pairs values of each are rotated. q, norms and table
// may be absent. Heads are as wide as the cache's K heads.
struct KvAppendOp {
  View k;
  View v;
  int layer;
  View q = {};
  Norm q_norm = {};
  Norm k_norm = {};
  View table = {};  // of RopeTableOp
  int64_t n_pairs = 0;
  RopePairing pairing = RopePairing::kNone;
};

// out = softmax(mask(cap(scale * q . K))) . V over the cached positions of each token's sequence up
// to the token's. Query head h reads KV head h / (n_heads / n_kv_heads).
struct AttentionOp {
  View q;    // [n, n_heads * dk]
  View out;  // [n, n_heads * dv]
  int layer;
  int n_heads;
  int dk;
  int dv;
  float scale;
  float softcap;       // 0: none; else c * tanh(s / c)
  int window;          // 0: all; else only the last `window` positions, the token's own included
  const float* sinks;  // [n_heads] or null: joins the softmax's denominator, has no value
};

// out = down * (act(gate * x) * (up * x)), or out += that, with x = norm(in).
struct FfnOp {
  View in;             // [n, d]
  const Weight* gate;  // [f, d], or null: the first half of up's 2 f rows
  const Weight* up;
  const Weight* down;  // [d, f]
  View hidden;         // [n, 2 * f] scratch: gate | up, then the product in the first f
  View out;            // [n, d]
  Activation activation;
  Norm norm = {};
  bool accumulate = false;
};

// x = cap * tanh(scale * x / cap), or scale * x if cap is 0; in place.
struct SoftcapOp {
  View x;
  float cap;
  float scale;
};

// out[i] = in[StepInputs::output_rows[i]].
struct SelectRowsOp {
  View in;
  View out;
};

// Mixture of experts, x = norm(in): top-k of the router's probabilities, then
// out = sum_e w_e * down_e(act(gate_e x) * (up_e x)), or out += that.
struct MoeOp {
  View in;               // [n, d]
  const Weight* router;  // [n_experts, d]
  View logits;           // [n, n_experts] the router's
  const Weight* gate;
  const Weight* up;
  const Weight* down;
  View hidden;   // [n * n_used, 2 * f] scratch: gate | up, then the product in the first f
  View partial;  // [n * n_used, d] scratch: each chosen expert's answer
  View out;      // [n, d]
  int n_experts;
  int n_used;
  bool renormalize;    // divide the chosen weights by their sum
  float weight_scale;  // multiplies the chosen weights; 1 = off
  Activation activation;
  Norm norm = {};
  bool accumulate = false;
};

using Op = std::variant<EmbedOp, HiddenInputOp, NormOp, MatMulOp, RopeTableOp, KvAppendOp,
                        AttentionOp, FfnOp, SoftcapOp, SelectRowsOp, MoeOp, ConvOp, DeltaRuleOp,
                        SelectiveScanOp, TokenShiftOp, Wkv7Op, GatedNormOp, ApplyOp>;

struct TensorDesc {
  int64_t rows = 0;
  int64_t width = 0;
  int first_op = -1;  // filled by plan()
  int last_op = -1;
  size_t offset = 0;  // bytes into the activation buffer, filled by plan()
  bool keep = false;  // a result: lives to the end
  [[nodiscard]] size_t size_bytes() const { return size_t(rows) * size_t(width) * sizeof(float); }
};

class Graph {
 public:
  // A new activation [rows, width].
  View add_tensor(int64_t rows, int64_t width);
  void add(Op op) { ops_.push_back(op); }
  // The tensor is a result of the step: nothing may overwrite it.
  void keep(View view) { tensors_[size_t(view.tensor)].keep = true; }

  // Gives every tensor its place: two tensors overlap only if no operation needs both. Returns the
  // bytes needed.
  size_t plan();

  [[nodiscard]] const std::vector<Op>& ops() const { return ops_; }
  [[nodiscard]] const std::vector<TensorDesc>& tensors() const { return tensors_; }
  [[nodiscard]] size_t activation_bytes() const { return activation_bytes_; }
  [[nodiscard]] int64_t n_tokens() const { return n_tokens_; }
  void set_n_tokens(int64_t n) { n_tokens_ = n; }
  void clear();

 private:
  std::vector<Op> ops_;
  std::vector<TensorDesc> tensors_;
  size_t activation_bytes_ = 0;
  int64_t n_tokens_ = 0;
};

// "norm", "matmul", ...: the names of profiles and tests.
const char* op_name(const Op& op);

}  // namespace hearth::tensor
