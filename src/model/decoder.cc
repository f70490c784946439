#include "model/decoder.h"

#include <algorithm>

#include "base/checked.h"
#include "model/graph_builder.h"

namespace hearth::model {
namespace {

// LongRoPE files bring two lists of factors: the long one holds when the context goes beyond the
// trained length.
std::span<const float> rope_factors(const Model& model, int64_t n_ctx) {
  const auto n = size_t(model.params().rope.n_rot / 2);
  if (const float* freqs = model.vector(Role::kRopeFreqs)) return {freqs, n};
  const bool is_long = n_ctx > model.params().rope.n_ctx_original;
  if (const float* factors = model.vector(is_long ? Role::kRopeLong : Role::kRopeShort))
    return {factors, n};
  return {};
}

}  // namespace

Result<Decoder> Decoder::create(const Model& model, backend::Backend& backend,
                                const DecoderLimits& limits, Arena& arena) {
  Decoder d;
  d.model_ = &model;
  d.backend_ = &backend;
  d.limits_ = limits;
  // A measuring arena holds no factors to read; the plan does not depend on them.
  const std::span<const float> factors =
      arena.measuring() ? std::span<const float>() : rope_factors(model, limits.n_ctx);
  const bool same = model.params().arch->window_rope == WindowRope::kSame;
  d.ropes_ = std::make_unique<Ropes>(
      Ropes{make_rope(model.params().rope, factors),
            make_rope(model.params().window_rope, same ? factors : std::span<const float>())});

  // The largest graphs: a full batch, and a batch in which every output row is wanted. A step sees
  // whole chunks of the cache, also where the context ends within one.
  const auto max_positions = int64_t(align_up(uint64_t(limits.n_ctx), tensor::kKvChunk));
  size_t scratch_bytes = 0;
  for (const int n_tokens : {1, limits.n_batch}) {
    build_graph(model, *d.ropes_, {}, n_tokens, std::min(limits.n_outputs, limits.n_batch),
                d.graph_);
    d.activation_bytes_ = std::max(d.activation_bytes_, d.graph_.activation_bytes());
    scratch_bytes = std::max(scratch_bytes, backend.scratch_bytes(d.graph_, max_positions));
  }
  d.graph_.clear();
  HEARTH_ASSIGN(d.activations_, arena.take("activations", d.activation_bytes_));
  HEARTH_ASSIGN(d.scratch_, arena.take("scratch", scratch_bytes));
  return d;
}

void Decoder::build(const Key& key) {
  if (key.n_tokens == built_.n_tokens && key.n_outputs == built_.n_outputs &&
      key.range == built_.range)
    return;
  result_ = build_graph(*model_, *ropes_, key.range, key.n_tokens, key.n_outputs, graph_);
  HEARTH_CHECK(graph_.activation_bytes() <= activation_bytes_);
  built_ = key;
}

std::span<const float> Decoder::step(const tensor::StepInputs& inputs, LayerRange range) {
  HEARTH_CHECK(inputs.n_tokens > 0 && inputs.n_tokens <= limits_.n_batch &&
               inputs.n_outputs <= limits_.n_outputs);
  build({inputs.n_tokens, inputs.n_outputs, range});
  backend_->execute(graph_, inputs, activations_, scratch_);
  const tensor::TensorDesc& t = graph_.tensors()[size_t(result_.tensor)];
  return {reinterpret_cast<const float*>(activations_ + t.offset), size_t(t.rows * t.width)};
}

}  // namespace hearth::model
