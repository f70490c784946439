// ArchSpec: one model architecture as data. model/arch/<name>.cc holds one, arch/list.h one line
// each; the loader checks files against it, the decoder builds graphs from it, tests make tiny
// random models from it.
//
// What a GGUF file does not say and the architecture's name alone decides stands here: pairing of
// rope, places of the norms, activation, renormalization of expert weights. Numbers that the file
// says are HyperParams.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "model/role.h"
#include "tensor/graph.h"

namespace hearth::format {
class Metadata;
}

namespace hearth::model {

struct HyperParams;
struct LayerParams;
class GraphBuilder;
class Model;

enum class EmbedScale : uint8_t { kOne, kSqrtEmbd };
enum class LogitScale : uint8_t { kMultiply, kDivide };  // what the key logit_scale does

// How the two halves of a layer join the residual stream x.
enum class Topology : uint8_t {
  kSequential,  // x += post?(mixer(norm? x)); x += post?(ffn(norm? x))
  kParallel,    // x += mixer(norm x) + ffn(norm2 x); norm2 is the same norm where there is no other
  kParallelWithoutFfnNorm,  // kParallel in layers without a norm of the FFN, else kSequential
  kPostNorm,                // x = norm(x + mixer(x)); x = norm(x + ffn(x)): BERT
};

// What the attention output is multiplied with before the output projection.
enum class AttnGate : uint8_t {
  kNone,
  kSigmoidInQ,  // per value; its rows stand behind those of each head of attn_q
  kSigmoid,     // attn_gate, one row per head or per value
  kSoftplus,    // the same
};

enum class RopeUse : uint8_t {
  kAll,
  kWindowsOnly,  // layers that see everything do not rotate
};
// What layers with a sliding window do with rope.
enum class WindowRope : uint8_t {
  kSame,      // as the others
  kOwnBase,   // rope.freq_base_swa (10000 if absent), without scaling
  kUnscaled,  // the same base, without scaling
};

// What a recurrent layer has in the place of attention (graph_recurrent.cc).
enum class RecurrentMixer : uint8_t {
  kNone,
  kDeltaNet,         // gated delta rule, K head of V head v: v mod their number
  kGroupedDeltaNet,  // the same, V heads in the order of their K heads
  kKimiDelta,        // delta rule with a decay for each channel
  kMamba2,
  kMamba1,
  kShortConv,  // gated convolution alone
};

// A number that the metadata of tiny models (tests) must have beside the usual ones.
struct TinyKey {
  std::string_view key;
  double value;
  bool is_float = false;
  int odd = -1;  // >= 0: one number for each layer, this for odd ones
};

// Those of models with experts; and with a shared one, behind a dense layer.
inline constexpr TinyKey kTinyExperts[] = {{"expert_count", 4}, {"expert_used_count", 2}};
inline constexpr TinyKey kTinySharedExperts[] = {{"expert_count", 4},
                                                 {"expert_used_count", 2},
                                                 {"expert_shared_count", 1},
                                                 {"leading_dense_block_count", 1}};

struct ArchSpec {
  std::string_view name;   // general.architecture
  std::string_view title;  // for people: "Llama 1-3, Mistral, Mixtral, ..."
  std::span<const TensorSpec> tensors;

  // Embedding, norms, head.
  EmbedScale embed_scale = EmbedScale::kOne;
  bool layer_norm = false;  // mean and variance instead of RMS; its eps has a key of its own
  Topology topology = Topology::kSequential;
  LogitScale logit_scale = LogitScale::kMultiply;
  bool plain_output_norm = false;  // the norm before the head has no weights

  // Attention.
  bool causal = true;  // false: encoders, also where the key attention.causal says so
  tensor::RopePairing rope = tensor::RopePairing::kNorm;
  RopeUse rope_use = RopeUse::kAll;
  int nope_period = 0;         // layer i does not rotate iff (i + 1) % nope_period == 0; 0: all do
  bool rope_sections = false;  // M-RoPE: of text, the pairs of the fourth section stand still
  tensor::RopePairing index_rope = tensor::RopePairing::kNorm;  // of indexers
  // The norms of Q's and K's heads come behind rope.
  bool qk_norm_behind_rope = false;
  bool wide_qk_norm = false;   // one norm over all heads of Q, and one over those of K
  bool plain_qk_norm = false;  // of every head, without weights, in layers that rotate
  AttnGate attn_gate = AttnGate::kNone;
  float attn_softcap = 0;   // default of <arch>.attn_logit_softcapping
  float final_softcap = 0;  // default of <arch>.final_logit_softcapping
  // Layer i slides its window iff i % window_period < window_period - 1 (or, where the dense layer
  // is the first of a period, iff i % window_period > 0); 0: the file's window is not used.
  int window_period = 0;
  bool window_dense_first = false;
  WindowRope window_rope = WindowRope::kSame;
  bool window_chunked = false;    // what is seen begins where a multiple of the window does
  bool window_symmetric = false;  // half of it on either side: encoders

  // Feed-forward.
  tensor::Activation activation = tensor::Activation::kSilu;
  bool gated = true;  // act(gate) * up; without a gate matrix up holds both, gate first
  tensor::ExpertGating expert_gating = tensor::ExpertGating::kSoftmax;
  bool expert_gating_key = false;  // the key expert_gating_func decides where it is present
  bool expert_renormalize = true;
  bool expert_renormalize_key = false;  // the key expert_weights_norm decides (absent: no)
  bool expert_weight_before = false;    // the weight multiplies what the expert reads
  bool expert_ff_key =
      true;  // expert_feed_forward_length, else feed_forward_length is the expert's

  // Recurrent layers.
  RecurrentMixer recurrent = RecurrentMixer::kNone;
  bool recurrent_beside_attention = false;  // every layer has both, and adds both to x

  // Rerankers and classifiers: the head reads the mean and has GELU behind its first matrix; else
  // it reads the first token (of causal models the last), and has tanh.
  bool classify_mean = false;

  // Numbers of tiny models.
  std::span<const TinyKey> tiny_keys = {};
  // Optional tensors that they have.
  std::span<const Role> tiny_optional = {};

  // Last word on the hyper-parameters, for rules that no key states and keys that no other
  // architecture has. May be null. Errors: kCorrupt, kUnsupported.
  Result<void> (*adjust)(HyperParams& params, const format::Metadata& metadata) = nullptr;
  // What must hold of a loaded model's tensors together. May be null.
  Result<void> (*check)(const Model& model) = nullptr;
  // A layer that the options above do not describe: x += ..., on the parts that GraphBuilder
  // offers. May be null.
  void (*layer)(GraphBuilder& graph, tensor::View x, int il) = nullptr;
  // What comes between the embedding and the first layer. May be null.
  void (*before_layers)(GraphBuilder& graph, tensor::View x) = nullptr;
};

// All architectures, in the order of arch/list.h.
std::span<const ArchSpec* const> all_archs();
// Null if unknown.
const ArchSpec* find_arch(std::string_view name);

}  // namespace hearth::model
