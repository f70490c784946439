#include "model/recurrent_params.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::model {
namespace {

bool has_conv(const SsmParams& s) {
  return s.conv_kernel >= 2 && s.conv_kernel <= tensor::ConvOp::kMaxKernel && s.conv_dim > 0;
}
bool has_heads(const SsmParams& s) {
  // Keeps the sums of widths within 32 bits, until the tensors bound them.
  constexpr int64_t kMost = int64_t{1} << 26;
  if (int64_t(s.groups) * s.state > kMost || int64_t(s.rank) * s.state > kMost) return false;
  return s.inner > 0 && s.state > 0 && s.rank > 0 && s.groups > 0 && s.inner % s.rank == 0 &&
         s.rank % s.groups == 0 && s.inner % s.groups == 0;
}

// The widths that follow from the file's; false where these are impossible.
bool complete(HyperParams& p) {
  SsmParams& s = p.ssm;
  switch (p.arch->recurrent) {
    case RecurrentMixer::kNone:
      return true;
    case RecurrentMixer::kDeltaNet:
    case RecurrentMixer::kGroupedDeltaNet:
      if (!has_heads(s)) return false;
      s.conv_dim = 2 * s.groups * s.state + s.inner;
      s.in_rows = s.conv_dim + s.inner;
      return has_conv(s);
    case RecurrentMixer::kKimiDelta:
      s.rank = s.groups = p.layers[0].n_heads;
      s.inner = int(std::min<int64_t>(int64_t(s.rank) * s.state, INT32_MAX));
      if (!has_heads(s)) return false;
      s.conv_dim = 3 * s.inner;
      return has_conv(s);
    case RecurrentMixer::kMamba2:
      if (!has_heads(s)) return false;
      s.conv_dim = s.inner + 2 * s.groups * s.state;
      s.in_rows = s.inner + s.conv_dim + s.rank;
      return has_conv(s);
    case RecurrentMixer::kMamba1:
      s.groups = 1;
      s.conv_dim = s.inner;
      s.in_rows = 2 * s.inner;
      return has_conv(s) && s.state > 0 && s.rank > 0;
    case RecurrentMixer::kShortConv:
      s.conv_dim = int(p.n_embd);
      s.in_rows = int(3 * p.n_embd);
      return has_conv(s);
  }
  return false;
}

// Every interval-th layer attends, or the file lists those that do not.
Result<void> place_attention(HyperParams& p, const format::Metadata& metadata) {
  const std::string prefix = std::string(p.arch->name) + ".";
  const std::string list = prefix + "attention.recurrent_layers";
  if (metadata.contains(list)) {
    HEARTH_ASSIGN(const auto flags, metadata.get_per_layer<bool>(list, p.layers.size()));
    for (size_t i = 0; i < p.layers.size(); ++i)
      if (flags[i]) p.layers[i].n_kv_heads = 0;
    return {};
  }
  HEARTH_ASSIGN(const uint64_t interval,
                metadata.get_uint_or(prefix + "full_attention_interval", 4));
  for (size_t i = 0; i < p.layers.size(); ++i)
    if (interval == 0 || (i + 1) % interval != 0) p.layers[i].n_kv_heads = 0;
  return {};
}

}  // namespace

Result<void> use_recurrent(HyperParams& p, const format::Metadata& metadata) {
  const RecurrentMixer kind = p.arch->recurrent;
  if (kind == RecurrentMixer::kNone) return {};
  const SsmParams& s = p.ssm;
  if (!complete(p))
    return fail(ErrorCode::kCorrupt,
                fmt::format("impossible recurrent layers: convolution of {}, width {}, state {}, "
                            "{} heads in {} groups",
                            s.conv_kernel, s.inner, s.state, s.rank, s.groups),
                "the file is damaged; download it again");
  if (kind == RecurrentMixer::kDeltaNet || kind == RecurrentMixer::kGroupedDeltaNet)
    HEARTH_TRY(place_attention(p, metadata));
  for (LayerParams& layer : p.layers) {
    const bool recurrent = layer.mixer == Mixer::kAttention && layer.n_kv_heads == 0;
    if (recurrent) layer.mixer = Mixer::kRecurrent;
    // Mamba has no FFN.
    if (recurrent && layer.n_ff == 0) layer.ffn = FfnKind::kNone;
    if (!recurrent && !p.arch->recurrent_beside_attention) continue;
    layer.conv_state = int64_t(s.conv_kernel - 1) * s.conv_dim;
    layer.matrix_state = int64_t(s.inner) * s.state;
  }
  return {};
}

}  // namespace hearth::model
