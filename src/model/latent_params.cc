#include "model/latent_params.h"

#include <fmt/format.h>

#include <cmath>

namespace hearth::model {

void scale_latent_scores(HyperParams& params, bool same_mscale) {
  RopeParams& rope = params.rope;
  double m = rope.attn_factor;
  if (rope.scaling == RopeScaling::kYarn && rope.factor > 1)
    m *= 1 + (same_mscale ? rope.log_multiplier : 0.1) * std::log(rope.factor);
  rope.log_multiplier = same_mscale ? 1 : 10 * rope.log_multiplier;
  for (LayerParams& layer : params.layers)
    layer.attn_scale = float(m * m / std::sqrt(double(params.mla.nope + params.mla.rope)));
}

Result<void> read_indexers(HyperParams& params, const format::Metadata& metadata) {
  const std::string prefix = std::string(params.arch->name) + ".attention.indexer.";
  // Positions are chosen by floats (tensor::SelectPositionsOp).
  constexpr uint64_t kMost = uint64_t{1} << 16;
  HEARTH_ASSIGN(const uint64_t n_heads, metadata.get_uint(prefix + "head_count"));
  HEARTH_ASSIGN(const uint64_t width, metadata.get_uint(prefix + "key_length"));
  HEARTH_ASSIGN(const uint64_t top_k, metadata.get_uint(prefix + "top_k"));
  if (n_heads == 0 || n_heads > kMost || width < uint64_t(params.rope.n_rot) || width > kMost ||
      top_k == 0 || top_k > kMost || params.mla.q_rank == 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("its sparse attention is impossible: {} heads of {} values choose {} "
                            "positions, queries are compressed to {}",
                            n_heads, width, top_k, params.mla.q_rank),
                "the file is damaged; download it again");
  params.indexer = {int(n_heads), int(width), int(top_k)};
  for (LayerParams& layer : params.layers) layer.selects = Selects::kOwn;
  return {};
}

}  // namespace hearth::model
