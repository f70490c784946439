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

#include "tensor/activation.h"
#include "tensor/altup.h"
#include "tensor/recurrent.h"
#include "tensor/view.h"
#include "tensor/weight.h"

namespace hearth::tensor {

enum class RopePairing : uint8_t { kNone, kNorm, kNeox };

// out[i] = scale * row(token i) (+ positions row p_i) (+ type row 0); rows come from the embedding
// matrix, or from StepInputs::embeddings (not scaled).
struct EmbedOp {
  const Weight* weight;  // [vocab, d]
  float scale;
  View out;                           // [n, d]
  const Weight* positions = nullptr;  // [context, d] or null
  const Weight* types = nullptr;      // [types, d] or null
  int32_t other_row = -1;             // of tokens without an id: this row in place of embeddings
};

// out = StepInputs::hidden.
struct HiddenInputOp {
  View out;  // [n, d]
};

// y = x / sqrt(mean(x^2) + eps) * w + b        (RMS), or
// y = (x - mean) / sqrt(var + eps) * w + b     (layer norm), over the values of a row, or of a
// head.
struct Norm {
  const float* weight = nullptr;  // [row or head]; null: no norm, or one whose w is 1
  const float* bias = nullptr;    // the same, or null
  float eps = 0;
  bool layer_norm = false;
  bool unweighted = false;  // w = 1
  int64_t head_step = 0;  // of heads: the next head's weight stands so many values on; 0: the same
  [[nodiscard]] bool present() const { return weight != nullptr || unweighted; }
};

// out = scale * norm(in), or out += that, of each of the heads that a row has.
struct NormOp {
  View in;
  View out;
  Norm norm;  // may be absent
  bool accumulate = false;
  float scale = 1;
  int n_heads = 1;
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
// and k are normalized, then 2 * n_pairs values of each are rotated, those from rope_begin on; or
// the other way round. Q, norms and table may be absent; k and v too, where the layer reads what
// another has appended. Heads are as wide as the cache's K heads.
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
  int64_t rope_begin = 0;
  bool norm_behind_rope = false;
  Norm v_norm = {};
  int64_t q_step = 0;  // from head to head of q; 0: they stand side by side
};

// What a token at position p sees of its sequence: positions up to p, of the last `window` only
// where there is one (its own counts); positions up to p in the same chunk of `window`; all of the
// step and before; those within window / 2 on either side.
enum class Mask : uint8_t { kCausal, kChunked, kFull, kSymmetric };

// q is multiplied with 1 + scale * ln(floor((p + offset) / length) + 1) at position p.
struct Temperature {
  float scale = 0;  // 0: off
  float length = 1;
  float offset = 0;
};

// out = softmax(mask(cap(scale * q . K) - slope * distance)) . V over the cached positions of each
// token's sequence. Query head h reads KV head h / (n_heads / n_kv_heads). ALiBi (Press et al.
// 2021, arXiv:2108.12409): the slopes of heads are 2^(-max_alibi (h + 1) / H) with H the largest
// power of two up to n_heads, those behind H the odd powers between.
struct AttentionOp {
  View q;    // [n, n_heads * dk]
  View out;  // [n, n_heads * dv]
  int layer;
  int n_heads;
  int dk;
  int dv;
  float scale;
  float softcap;       // 0: none; else c * tanh(s / c)
  int window;          // 0: none
  const float* sinks;  // [n_heads] or null: joins the softmax's denominator, has no value
  Mask mask = Mask::kCausal;
  Temperature temperature = {};
  float max_alibi = 0;  // 0: none
  int64_t q_step = 0;   // as in KvAppendOp
  View selected = {};   // of SelectPositionsOp: a token sees these alone; without mask and ALiBi
};

// The top_k positions up to each token's own that its index heads score highest, in ascending
// order. score(j) = sum_h weights[h] * max(0, q[h] . k_j) (DeepSeek-V3.2 technical report, section
// 2.1). Many scores are 0: of equal ones those that std::partial_sort takes, as llama.cpp does. Not
// written for a token that sees no more than top_k.
struct SelectPositionsOp {
  View q;        // [n, n_heads * dk]
  View weights;  // [n, n_heads]
  View out;      // [n, top_k] positions: exact as floats, contexts are below 2^24
  int layer;     // whose cache holds the keys, one head of dk
  int n_heads;
};

// out[h] = weight[h] * in[h] for every head h: in[h] begins in_step values behind in[h - 1].
struct HeadMatMulOp {
  View in;  // [n, ...]
  int64_t in_step;
  const Weight* weight;  // n_matrices heads
  View out;
  int64_t out_step;
};

// out[h] = in[h] for every head h, `width` values each; a step of 0 repeats the same.
struct CopyHeadsOp {
  View in;
  int64_t in_step;
  View out;
  int64_t out_step;
  int64_t width;
  int n_heads;
};

// out = act(gate) * in, or out += that, head by head: a gate for each value, or one for each head.
struct GateOp {
  View in;    // [n, w]
  View gate;  // [n, w] or [n, n_heads]
  View out;   // [n, w]
  Activation activation;
  bool accumulate = false;
  int n_heads = 1;
  int64_t gate_step = 0;  // from one head's gates to the next; 0: they stand side by side
};

// out = down * (act(gate * x) * (up * x)), or out += that, with x = norm(in); not gated: down *
// act(up * x).
struct FfnOp {
  View in;             // [n, d]
  const Weight* gate;  // [f, d], or null: the first half of up's 2 f rows, or not gated
  const Weight* up;
  const Weight* down;  // [d, f]
  View hidden;         // [n, 2 * f] scratch: gate | up, then the product in the first f
  View out;            // [n, d]
  Activation activation;
  Norm norm = {};
  bool accumulate = false;
  bool gated = true;
  float limit = 0;  // min(act(gate), limit) * clamp(up, -limit, limit); 0: none
};

// x = min(max(x, -limit), limit), in place.
struct ClampOp {
  View x;
  float limit;
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

// How the router's numbers z become weights. Experts are chosen by the largest p (+ selection
// bias).
enum class ExpertGating : uint8_t {
  kSoftmax,        // p = softmax(z)
  kSigmoid,        // p = sigmoid(z)
  kSoftmaxChosen,  // chosen by z; p = softmax over those that were chosen
};

// The choice of experts and their weights, of MoeOp.
struct Routing {
  int n_experts = 0;
  int n_used = 0;
  ExpertGating gating = ExpertGating::kSoftmax;
  const float* selection_bias = nullptr;  // [n_experts] or null
  // Experts stand in n_groups; only those of the n_groups_used best, by the sum of their two
  // largest scores, can be chosen. 0: no groups.
  int n_groups = 0;
  int n_groups_used = 0;
  bool renormalize = false;    // divide the chosen weights by their sum
  float weight_scale = 1;      // multiplies the chosen weights; 1 = off
  bool weight_before = false;  // the weight multiplies what the expert reads, not what it answers
};

// Mixture of experts, x = norm(in): the router chooses experts e with weights w_e, then
// out = sum_e w_e * down_e(act(gate_e x) * (up_e x)), or out += that.
struct MoeOp {
  View in;               // [n, d]
  const Weight* router;  // [n_experts, d]
  View logits;           // [n, n_experts] the router's
  const Weight* gate;    // null: the first half of up's rows, or not gated
  const Weight* up;
  const Weight* down;
  View hidden;   // [n * n_used, 2 * f] scratch: gate | up, then the product in the first f
  View partial;  // [n * n_used, d] scratch: each chosen expert's answer
  View out;      // [n, d]
  Routing routing;
  Activation activation;
  Norm norm = {};
  bool accumulate = false;
  bool gated = true;
  // What the router reads, if not x.
  View router_in = {};
  float limit = 0;  // as in FfnOp
};

using Op =
    std::variant<EmbedOp, HiddenInputOp, NormOp, MatMulOp, RopeTableOp, KvAppendOp, AttentionOp,
                 FfnOp, SoftcapOp, SelectRowsOp, MoeOp, HeadMatMulOp, CopyHeadsOp, GateOp, ClampOp,
                 ConvOp, DeltaRuleOp, SelectiveScanOp, TokenShiftOp, Wkv7Op, GatedNormOp, ApplyOp,
                 MatchLengthOp, PredictStreamsOp, CorrectStreamsOp, KeepLargestOp, ScaleByOp,
                 SelectPositionsOp>;

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
