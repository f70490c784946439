// HyperParams: the numbers of one model, read from its metadata and checked. Keys: briefs
// models-and-formats 2.2. Read by the loader (shapes), the decoder (graphs), show and the memory
// plan.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/gguf_value.h"
#include "model/spec.h"
#include "tensor/kv_view.h"

namespace hearth::model {

enum class Mixer : uint8_t { kAttention, kRecurrent, kNone };
// How the states of a text's tokens become one vector, as numbered in <arch>.pooling_type.
enum class Pooling : uint8_t {
  kNone = 0,  // they do not: one vector for each token
  kMean = 1,
  kCls = 2,   // the first token's
  kLast = 3,  // the last token's
  kRank = 4,  // what the classifier's head makes of it: rerankers
};

enum class FfnKind : uint8_t { kDense, kExperts, kBoth, kNone };
// Which positions a layer attends to.
enum class Selects : uint8_t { kAll, kOwn, kAsBefore };  // kAsBefore: what the last kOwn chose
// Which frequencies a layer rotates with.
enum class LayerRope : uint8_t { kNone, kMain, kWindow };

struct LayerParams {
  Mixer mixer = Mixer::kAttention;
  int n_heads = 0;
  int n_kv_heads = 0;  // 0: the layer has no KV cache
  int head_dim_k = 0;
  int head_dim_v = 0;
  int window = 0;        // sliding window, the token itself included; 0: sees everything
  float attn_scale = 0;  // of the scores
  LayerRope rope = LayerRope::kMain;
  float temperature = 0;  // of the queries: tensor::Temperature::scale
  int kv_layer = -1;      // whose KV cache it reads; -1: its own
  Selects selects = Selects::kAll;

  FfnKind ffn = FfnKind::kDense;
  int n_ff = 0;
  int n_ff_shared = 0;     // of the shared expert; 0: none
  float expert_limit = 0;  // tensor::FfnOp::limit of the experts, and of all other FFNs
  float ffn_limit = 0;

  // Numbers that the layer's state holds for a sequence (f32): the last inputs of a convolution,
  // and what a recurrence carries on.
  int64_t conv_state = 0;
  int64_t matrix_state = 0;
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
  std::array<int, 4> sections = {};  // M-RoPE: pairs of time, height, width and the rest
};

// Multi-head latent attention; kv_rank 0: none.
struct MlaParams {
  int q_rank = 0;  // 0: queries are not compressed
  int kv_rank = 0;
  int nope = 0;  // values of a head's key that do not rotate
  int rope = 0;  // those that do, the same for all heads
  int v = 0;     // values of a head
};

// Sparse attention (keys attention.indexer.*): small heads choose the positions to attend to.
struct IndexerParams {
  int n_heads = 0;
  int width = 0;  // of a head
  int top_k = 0;  // positions
};

// Mamba, delta nets, short convolutions, RWKV: keys ssm.*, shortconv.*, wkv.*.
struct SsmParams {
  int conv_kernel = 0;
  int inner = 0;             // di
  int state = 0;             // N; key width of a delta net's head
  int rank = 0;              // heads (Mamba 2, value heads of delta nets), rank of dt (Mamba 1)
  int groups = 0;            // groups of B and C; key heads of delta nets
  int in_rows = 0;           // rows of the input projection
  int conv_dim = 0;          // channels of the convolution
  bool norm_dt_b_c = false;  // Mamba 1: norms without weights on dt, B and C
};

// RWKV 7: widths between two matrices.
struct RwkvParams {
  int decay = 0;
  int rate = 0;
  int value = 0;
  int gate = 0;
};

struct HyperParams {
  const ArchSpec* arch = nullptr;
  // The spec's, where the file does not say otherwise.
  Topology topology = Topology::kSequential;
  bool plain_qk_norm = false;
  bool causal = true;
  // An encoder reads a text in one step, and needs nothing of a layer's keys and values once the
  // layer is done: all layers write them to the cache of the first.
  bool one_cache = false;
  tensor::Activation activation = tensor::Activation::kSilu;
  std::string name;  // general.name; may be empty
  int64_t n_embd = 0;
  int64_t n_vocab = 0;
  int64_t n_ctx_train = 0;
  float norm_eps = 0;
  std::vector<LayerParams> layers;
  RopeParams rope;
  RopeParams window_rope;
  MlaParams mla;
  IndexerParams indexer;
  SsmParams ssm;
  RwkvParams rwkv;

  int n_experts = 0;
  int n_experts_used = 0;
  int n_expert_groups = 0;
  int n_expert_groups_used = 0;
  int n_ff_expert = 0;
  int expert_in = 0;  // width of what they read; 0: n_embd
  tensor::ExpertGating expert_gating = tensor::ExpertGating::kSoftmax;
  bool expert_renormalize = true;
  float expert_weight_scale = 1;

  float embed_scale = 1;
  float residual_scale = 1;
  float attn_softcap = 0;
  float final_softcap = 0;
  float logit_scale = 1;
  float max_alibi = 0;
  float clamp_qkv = 0;              // 0: none
  float value_scale = 1;            // of what attention mixes
  tensor::Temperature temperature;  // its scale is the layer's
  int layer_embd = 0;               // width of the embedding that every layer has; 0: none
  int n_altup = 0;                  // residual streams of Gemma 3n
  int laurel = 0;                   // rank of its second path
  // Embedding models and rerankers.
  std::optional<Pooling> pooling;  // what the file says
  bool normalize_embeddings = true;
  int n_token_types = 0;
  int n_cls_labels = 1;
  std::vector<std::string> cls_labels;  // may be empty
  int pooled = 0;                       // width between the two matrices behind the pooling

  [[nodiscard]] int n_layers() const { return int(layers.size()); }
  // The layer whose KV cache `layer` reads.
  [[nodiscard]] int kv_layer(int layer) const {
    if (one_cache) return 0;
    const int other = layers[size_t(layer)].kv_layer;
    return other < 0 ? layer : other;
  }
  // The value of a symbolic size in `layer` (ignored for sizes of the whole model); 0 for
  // Dim::kNone.
  [[nodiscard]] int64_t size(Dim dim, int layer) const;
};

// The caches that the model's steps append to and read, without memory: one of each layer (of no
// heads where it has none), and behind them, of a model with indexers, one of each layer's.
std::vector<tensor::KvLayerView> kv_layout(const HyperParams& params, tensor::KvType type);

// Whether a tensor of this presence belongs to `layer`; `exists` answers for optional ones.
bool is_wanted(const HyperParams& params, const TensorSpec& spec, int layer, bool exists);

// Errors: kUnsupported for an unknown architecture (says the nearest known and what is known);
// kCorrupt for keys that are missing, of the wrong kind, or impossible.
Result<HyperParams> read_hyper_params(const format::Metadata& metadata);

}  // namespace hearth::model
