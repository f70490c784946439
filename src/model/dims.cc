// HyperParams::size: what the symbolic sizes of tensors are in numbers.
#include "model/hyper_params.h"

namespace hearth::model {
namespace {

constexpr int64_t kNotHere = -1;

int64_t whole_size(const HyperParams& p, Dim dim) {
  switch (dim) {
    case Dim::kNone:
      return 0;
    case Dim::kOne:
      return 1;
    case Dim::kTwo:
      return 2;
    case Dim::kSix:
      return 6;
    case Dim::kEmbd:
      return p.n_embd;
    case Dim::kVocab:
      return p.n_vocab;
    case Dim::kContext:
      return p.n_ctx_train;
    case Dim::kRopePairs:
      return p.rope.n_rot / 2;
    case Dim::kLayerEmbd:
      return p.layer_embd;
    case Dim::kLayerEmbdAll:
      return int64_t(p.layer_embd) * p.n_layers();
    case Dim::kAltup:
      return p.n_altup;
    case Dim::kAltupOthers:
      return p.n_altup - 1;
    case Dim::kAltupSquare:
      return int64_t(p.n_altup) * p.n_altup;
    case Dim::kLaurel:
      return p.laurel;
    case Dim::kTokenTypes:
      return p.n_token_types;
    case Dim::kClsLabels:
      return p.n_cls_labels;
    case Dim::kPooled:
      return p.pooled;
    case Dim::kFfExpert:
      return p.n_ff_expert;
    case Dim::kFfExpertTwice:
      return 2 * int64_t(p.n_ff_expert);
    case Dim::kExperts:
      return p.n_experts;
    case Dim::kExpertIn:
      return p.expert_in > 0 ? p.expert_in : p.n_embd;
    default:
      return kNotHere;
  }
}

int64_t layer_size(const LayerParams& l, Dim dim) {
  const auto dk = int64_t(l.head_dim_k);
  const auto dv = int64_t(l.head_dim_v);
  switch (dim) {
    case Dim::kHeads:
      return l.n_heads;
    case Dim::kKvHeads:
      return l.n_kv_heads;
    case Dim::kQ:
      return l.n_heads * dk;
    case Dim::kQTwice:
      return 2 * l.n_heads * dk;
    case Dim::kK:
      return l.n_kv_heads * dk;
    case Dim::kV:
      return l.n_kv_heads * dv;
    case Dim::kQkv:
      return l.n_heads * dk + l.n_kv_heads * (dk + dv);
    case Dim::kAttnOut:
      return l.n_heads * dv;
    case Dim::kHeadK:
      return dk;
    case Dim::kHeadV:
      return dv;
    case Dim::kFf:
      return l.n_ff;
    case Dim::kFfTwice:
      return 2 * int64_t(l.n_ff);
    case Dim::kFfShared:
      return l.n_ff_shared;
    default:
      return kNotHere;
  }
}

int64_t indexer_size(const IndexerParams& indexer, Dim dim) {
  switch (dim) {
    case Dim::kIndexHeads:
      return indexer.n_heads;
    case Dim::kIndexWidth:
      return indexer.width;
    case Dim::kIndexQ:
      return int64_t(indexer.n_heads) * indexer.width;
    default:
      return kNotHere;
  }
}

int64_t latent_size(const MlaParams& mla, int64_t n_heads, Dim dim) {
  switch (dim) {
    case Dim::kQRank:
      return mla.q_rank;
    case Dim::kKvRank:
      return mla.kv_rank;
    case Dim::kKvRankRope:
      return mla.kv_rank + mla.rope;
    case Dim::kMlaQ:
      return n_heads * (mla.nope + mla.rope);
    case Dim::kMlaNope:
      return mla.nope;
    case Dim::kMlaV:
      return mla.v;
    case Dim::kMlaOut:
      return n_heads * mla.v;
    case Dim::kMlaKv:
      return n_heads * (mla.nope + mla.v);
    default:
      return kNotHere;
  }
}

int64_t recurrent_size(const HyperParams& p, Dim dim, int layer) {
  const SsmParams& ssm = p.ssm;
  switch (dim) {
    case Dim::kSsmConv:
      return ssm.conv_kernel;
    case Dim::kSsmInner:
      return ssm.inner;
    case Dim::kSsmConvDim:
      return ssm.conv_dim;
    case Dim::kSsmIn:
      return ssm.in_rows;
    case Dim::kSsmState:
      return ssm.state;
    case Dim::kSsmRank:
      return ssm.rank;
    case Dim::kSsmRankTwice:
      return 2 * int64_t(ssm.rank);
    case Dim::kSsmDtBC:
      return int64_t(ssm.rank) + 2 * int64_t(ssm.state);
    case Dim::kSsmGroups:
      return ssm.groups;
    case Dim::kSsmGroupWidth:
      return ssm.groups > 0 ? ssm.inner / ssm.groups : 0;
    case Dim::kSsmHeadV:
      return ssm.rank > 0 ? ssm.inner / ssm.rank : 0;
    case Dim::kRwkvDecay:
      return p.rwkv.decay;
    case Dim::kRwkvRate:
      return p.rwkv.rate;
    case Dim::kRwkvValue:
      // The first layer does not use its matrices, which are of another width.
      return layer == 0 ? p.rwkv.rate : p.rwkv.value;
    case Dim::kRwkvGate:
      return p.rwkv.gate;
    default:
      return kNotHere;
  }
}

}  // namespace

int64_t HyperParams::size(Dim dim, int layer) const {
  const LayerParams& l = layers[size_t(layer)];
  for (const int64_t size :
       {whole_size(*this, dim), layer_size(l, dim), latent_size(mla, l.n_heads, dim),
        indexer_size(indexer, dim), recurrent_size(*this, dim, layer)})
    if (size != kNotHere) return size;
  HEARTH_CHECK(false);
  return 0;
}

}  // namespace hearth::model
