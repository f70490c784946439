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

#include "tensor/graph.h"

namespace hearth::format {
class Metadata;
}

namespace hearth::model {

struct HyperParams;

// What a tensor is for. kOutput and everything above belong to the whole model, the others to one
// layer.
enum class Role : uint8_t {
  kTokenEmbd,
  kRopeFreqs,
  kRopeLong,
  kRopeShort,
  kOutputNorm,
  kOutput,
  kAttnNorm,
  kAttnQ,
  kAttnK,
  kAttnV,
  kAttnQkv,
  kAttnQNorm,
  kAttnKNorm,
  kAttnOut,
  kPostAttnNorm,
  kFfnNorm,
  kFfnGate,
  kFfnUp,
  kFfnDown,
  kFfnRouter,
  kFfnGateExps,
  kFfnUpExps,
  kFfnDownExps,
  kPostFfnNorm,
  kCount,
};
inline constexpr int kRoleCount = int(Role::kCount);
constexpr bool is_layer_role(Role role) { return role > Role::kOutput; }

// A size that the hyper-parameters give.
enum class Dim : uint8_t {
  kNone,       // no such dimension
  kEmbd,       // d
  kVocab,      // V
  kQ,          // n_heads * dk
  kK,          // n_kv_heads * dk
  kV,          // n_kv_heads * dv
  kQkv,        // all three
  kAttnOut,    // n_heads * dv
  kHeadK,      // dk
  kFf,         // f
  kFfTwice,    // 2 f: gate and up in one matrix
  kFfExpert,   // f of one expert
  kExperts,    // E
  kRopePairs,  // n_rot / 2
};

enum class Presence : uint8_t {
  kRequired,
  kOptional,
  kDense,   // required in layers without experts, else absent
  kExpert,  // required in layers with experts, else absent
};

struct TensorSpec {
  Role role;
  std::string_view name;     // "attn_q": in the file "blk.<layer>.attn_q.weight" or "<name>.weight"
  std::array<Dim, 3> shape;  // as GGUF lists it: the contiguous input width first
  Presence presence = Presence::kRequired;
  bool may_have_bias = false;  // "<name>.bias", one value per output row
};

enum class EmbedScale : uint8_t { kOne, kSqrtEmbd };

struct ArchSpec {
  std::string_view name;   // general.architecture
  std::string_view title;  // for people: "Llama 1-3, Mistral, Mixtral, ..."
  std::span<const TensorSpec> tensors;

  // Embedding and head.
  EmbedScale embed_scale = EmbedScale::kOne;

  // Attention.
  tensor::RopePairing rope = tensor::RopePairing::kNorm;
  float attn_softcap = 0;   // default of <arch>.attn_logit_softcapping
  float final_softcap = 0;  // default of <arch>.final_logit_softcapping
  // Layer i slides its window iff i % window_period < window_period - 1; 0: the file's window is
  // not used.
  int window_period = 0;

  // Feed-forward.
  tensor::Activation activation = tensor::Activation::kSilu;
  bool expert_renormalize = true;

  // Last word on the hyper-parameters, for rules that no key states. May be null.
  void (*adjust)(HyperParams& params) = nullptr;
};

// All architectures, in the order of arch/list.h.
std::span<const ArchSpec* const> all_archs();
// Null if unknown.
const ArchSpec* find_arch(std::string_view name);

// Lists of tensors are put together from parts: `constexpr auto kTensors = join(kEmbedAndHead,
// kAttention, kGatedFfn);`
template <size_t... N>
constexpr auto join(const std::array<TensorSpec, N>&... parts) {
  std::array<TensorSpec, (N + ...)> all{};
  size_t at = 0;
  const auto append = [&](const auto& part) {
    for (const TensorSpec& t : part) all[at++] = t;
  };
  (append(parts), ...);
  return all;
}

// The parts that most decoders share.
inline constexpr std::array kEmbedAndHead = {
    TensorSpec{Role::kTokenEmbd, "token_embd", {Dim::kEmbd, Dim::kVocab}},
    TensorSpec{Role::kOutputNorm, "output_norm", {Dim::kEmbd}},
    // Absent: the head is the embedding matrix (tied).
    TensorSpec{Role::kOutput, "output", {Dim::kEmbd, Dim::kVocab}, Presence::kOptional, true},
};
inline constexpr std::array kRopeFactors = {
    TensorSpec{Role::kRopeFreqs, "rope_freqs", {Dim::kRopePairs}, Presence::kOptional},
    TensorSpec{Role::kRopeLong, "rope_factors_long", {Dim::kRopePairs}, Presence::kOptional},
    TensorSpec{Role::kRopeShort, "rope_factors_short", {Dim::kRopePairs}, Presence::kOptional},
};
inline constexpr std::array kSplitAttention = {
    TensorSpec{Role::kAttnNorm, "attn_norm", {Dim::kEmbd}},
    TensorSpec{Role::kAttnQ, "attn_q", {Dim::kEmbd, Dim::kQ}, Presence::kRequired, true},
    TensorSpec{Role::kAttnK, "attn_k", {Dim::kEmbd, Dim::kK}, Presence::kRequired, true},
    TensorSpec{Role::kAttnV, "attn_v", {Dim::kEmbd, Dim::kV}, Presence::kRequired, true},
    TensorSpec{
        Role::kAttnOut, "attn_output", {Dim::kAttnOut, Dim::kEmbd}, Presence::kRequired, true},
};
inline constexpr std::array kQkNorm = {
    TensorSpec{Role::kAttnQNorm, "attn_q_norm", {Dim::kHeadK}},
    TensorSpec{Role::kAttnKNorm, "attn_k_norm", {Dim::kHeadK}},
};
inline constexpr std::array kGatedFfn = {
    TensorSpec{Role::kFfnNorm, "ffn_norm", {Dim::kEmbd}},
    TensorSpec{Role::kFfnGate, "ffn_gate", {Dim::kEmbd, Dim::kFf}, Presence::kDense, true},
    TensorSpec{Role::kFfnUp, "ffn_up", {Dim::kEmbd, Dim::kFf}, Presence::kDense, true},
    TensorSpec{Role::kFfnDown, "ffn_down", {Dim::kFf, Dim::kEmbd}, Presence::kDense, true},
};
inline constexpr std::array kExpertFfn = {
    TensorSpec{Role::kFfnRouter, "ffn_gate_inp", {Dim::kEmbd, Dim::kExperts}, Presence::kExpert},
    TensorSpec{Role::kFfnGateExps,
               "ffn_gate_exps",
               {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert},
    TensorSpec{Role::kFfnUpExps,
               "ffn_up_exps",
               {Dim::kEmbd, Dim::kFfExpert, Dim::kExperts},
               Presence::kExpert},
    TensorSpec{Role::kFfnDownExps,
               "ffn_down_exps",
               {Dim::kFfExpert, Dim::kEmbd, Dim::kExperts},
               Presence::kExpert},
};

}  // namespace hearth::model
