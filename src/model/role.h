// What tensors are for, and their symbolic sizes: the vocabulary in which an architecture lists its
// tensors. Names and shapes as in files: briefs models-and-formats 2.3.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::model {

// kOutput and everything above belong to the whole model, the others to one layer.
enum class Role : uint8_t {
  kTokenEmbd,
  kPositionEmbd,
  kTokenTypes,
  kTokenEmbdNorm,
  kRopeFreqs,
  kRopeLong,
  kRopeShort,
  kLayerEmbd,  // Gemma 3n and 4: an embedding for every layer
  kLayerEmbdProj,
  kLayerEmbdProjNorm,
  kAltupProj,  // Gemma 3n
  kAltupUnembd,
  kOutputNorm,
  kClsDense,  // rerankers and classifiers
  kClsNorm,
  kClsOutput,
  kPooledDense1,  // EmbeddingGemma, behind the pooling
  kPooledDense2,
  kOutput,

  kAttnNorm,
  kAttnNorm2,
  kAttnQ,
  kAttnK,
  kAttnV,
  kAttnQkv,
  kAttnQNorm,
  kAttnKNorm,
  kAttnGate,
  kAttnSinks,
  kAttnSubNorm,
  kAttnOut,
  kPostAttnNorm,
  // Multi-head latent attention.
  kMlaQA,
  kMlaQANorm,
  kMlaQB,
  kMlaKvA,
  kMlaKvANorm,
  kMlaKB,
  kMlaVB,
  kMlaKvB,
  // Indexers of sparse attention.
  kIndexQB,
  kIndexK,
  kIndexKNorm,
  kIndexWeights,
  // Recurrent mixers.
  kSsmIn,
  kSsmConv,
  kSsmConvK,
  kSsmConvV,
  kSsmConvBias,
  kSsmInK,
  kSsmInV,
  kSsmQkvz,
  kSsmX,
  kSsmDt,
  kSsmDtBias,
  kSsmDtNorm,
  kSsmBNorm,
  kSsmCNorm,
  kSsmA,
  kSsmD,
  kSsmAlpha,
  kSsmBeta,
  kSsmBetaAlpha,
  kSsmFA,
  kSsmFB,
  kSsmGA,
  kSsmGB,
  kSsmNorm,
  kSsmOut,
  // RWKV 7.
  kRwkvMix,
  kRwkvW0,
  kRwkvW1,
  kRwkvW2,
  kRwkvA0,
  kRwkvA1,
  kRwkvA2,
  kRwkvV0,
  kRwkvV1,
  kRwkvV2,
  kRwkvG1,
  kRwkvG2,
  kRwkvKK,
  kRwkvKA,
  kRwkvRK,
  kRwkvReceptance,
  kRwkvKey,
  kRwkvValue,
  kRwkvNorm,
  kRwkvChannelMix,

  kFfnNorm,
  kFfnGate,
  kFfnUp,
  kFfnDown,
  kFfnSubNorm,
  kFfnRouter,
  kFfnRouterScale,
  kFfnSelectionBias,
  kFfnGateExps,
  kFfnUpExps,
  kFfnGateUpExps,
  kFfnDownExps,
  kFfnGateShared,
  kFfnUpShared,
  kFfnDownShared,
  kFfnRouterShared,
  kFfnLatentDown,
  kFfnLatentUp,
  kFfnNorm2,
  kPostFfnNorm1,
  kPostFfnNorm2,
  kPostFfnNorm,
  // Gemma 3n and 4: the layer's own embedding.
  kLayerInputGate,
  kLayerProj,
  kLayerPostNorm,
  kLayerScale,
  // Gemma 3n.
  kAltupRouter,
  kAltupRouterNorm,
  kAltupPredict,
  kAltupCorrect,
  kAltupScale,
  kLaurelL,
  kLaurelR,
  kLaurelNorm,
  kCount,
};
inline constexpr int kRoleCount = int(Role::kCount);
constexpr bool is_layer_role(Role role) { return role > Role::kOutput; }

// A size that the hyper-parameters give. Sizes of heads and of FFNs are those of the layer.
enum class Dim : uint8_t {
  kNone,  // no such dimension
  kOne,   // 1
  kTwo,   // 2
  kSix,   // 6
  kAltup,        // streams of Gemma 3n
  kAltupOthers,  // one less
  kAltupSquare,
  kLaurel,    // rank of its second path
  kEmbd,      // d
  kVocab,     // V
  kContext,   // trained context
  kHeads,     // query heads
  kKvHeads,   // KV heads
  kQ,         // n_heads * dk
  kQTwice,    // 2 of it: with a gate for each value
  kK,         // n_kv_heads * dk
  kV,         // n_kv_heads * dv
  kQkv,       // all three
  kAttnOut,   // n_heads * dv
  kHeadK,     // dk
  kHeadV,     // dv
  kFf,        // f
  kFfTwice,   // 2 f: gate and up in one matrix
  kFfExpert,  // f of one expert
  kFfExpertTwice,
  kFfShared,   // f of the shared expert
  kExperts,    // E
  kRopePairs,  // n_rot / 2
  // Multi-head latent attention.
  kQRank,       // of the compressed query
  kKvRank,      // of the compressed keys and values
  kKvRankRope,  // with the rotated part
  kMlaQ,        // n_heads * (nope + rope)
  kMlaNope,     // values of a head's key that do not rotate
  kMlaV,        // values of a head
  kMlaOut,      // n_heads * v
  kMlaKv,       // n_heads * (nope + v)
  // Indexers.
  kIndexHeads,
  kIndexWidth,  // values of a head
  kIndexQ,      // of all heads
  // Embeddings of every layer.
  kLayerEmbd,
  kLayerEmbdAll,  // of all layers
  // Recurrent mixers.
  kSsmConv,        // taps of the convolution
  kSsmInner,       // di
  kSsmConvDim,     // channels of the convolution
  kSsmIn,          // rows of the input projection
  kSsmState,       // N
  kSsmRank,        // heads of Mamba 2 and delta nets, rank of dt in Mamba 1
  kSsmDtBC,        // rank + 2 N of Mamba 1
  kSsmGroupWidth,  // di / groups
  kSsmGroups,
  kSsmRankTwice,
  kRwkvDecay,  // widths between the two matrices of RWKV's decay, rate, values and gate
  kRwkvRate,
  kRwkvValue,
  kRwkvGate,
  kExpertIn,    // what an expert reads: d, or less
  kSsmHeadV,    // width of a delta net's value head
  kClsLabels,   // what a classifier or reranker tells apart
  kTokenTypes,  // kinds of tokens of BERT: sentence A, sentence B
  kPooled,      // width between the two matrices behind the pooling
};

enum class Presence : uint8_t {
  kRequired,
  kOptional,
  kButFirst,        // required in every layer but the first, there optional
  kDense,           // required in layers with a dense FFN, else absent
  kExpert,          // required in layers with experts, else absent
  kShared,          // required in layers with a shared expert, else absent
  kAttention,       // required in layers that attend, else absent
  kRecurrent,       // required in layers with a recurrent mixer, else absent
  kKvOwner,         // required in layers that attend and have a KV cache of their own
  kLayerEmbedding,  // required where every layer has an embedding
  kIndexer,         // required in layers that choose the positions that they attend to
};

// What follows the name in the file.
enum class Suffix : uint8_t { kWeight, kBias, kNone, kScale };

struct TensorSpec {
  Role role;
  std::string_view name;     // "attn_q": in the file "blk.<layer>.attn_q.weight" or "<name>.weight"
  std::array<Dim, 3> shape;  // as GGUF lists it: the contiguous input width first
  Presence presence = Presence::kRequired;
  bool may_have_bias = false;  // "<name>.bias", one value per output row, or per value of a norm
  Suffix suffix = Suffix::kWeight;
  bool is_table = false;  // of two dimensions, and yet numbers that are read one by one, as vectors
  Role unless = Role::kCount;  // need not be there where this one, listed before, is

  [[nodiscard]] constexpr int n_dims() const {
    int n = 0;
    while (n < 3 && shape[size_t(n)] != Dim::kNone) ++n;
    return n;
  }
  [[nodiscard]] constexpr bool is_vector() const { return n_dims() == 1 || is_table; }
};

// "blk.3.attn_q", "output_norm"; and ".weight" or what else follows.
std::string base_name(const TensorSpec& spec, int layer);
std::string_view suffix_text(Suffix suffix);

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

}  // namespace hearth::model
