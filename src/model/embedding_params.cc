#include "model/embedding_params.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::model {
namespace {

constexpr uint64_t kMaxWidth = uint64_t{1} << 24;  // no product of two wraps

Result<void> read_pooling(HyperParams& p, const format::Metadata& metadata,
                          const std::string& key) {
  if (!metadata.contains(key)) return {};
  HEARTH_ASSIGN(const uint64_t pooling, metadata.get_uint(key));
  if (pooling > uint64_t(Pooling::kRank))
    return fail(ErrorCode::kCorrupt,
                fmt::format("the key '{}' is {}, but must lie in 0 to 4", key, pooling),
                "the file is damaged, or made for a newer program");
  p.pooling = Pooling(pooling);
  return {};
}

Result<void> read_labels(HyperParams& p, const format::Metadata& metadata, const std::string& key) {
  if (!metadata.contains(key)) return {};
  HEARTH_ASSIGN(const auto texts, metadata.get_array<std::string_view>(key));
  p.cls_labels.assign(texts.begin(), texts.end());
  p.n_cls_labels = std::max(1, int(texts.size()));
  return {};
}

Result<void> read_widths(HyperParams& p, const format::Metadata& metadata,
                         const std::string& prefix) {
  HEARTH_ASSIGN(const uint64_t types, metadata.get_uint_or("tokenizer.ggml.token_type_count", 2));
  HEARTH_ASSIGN(const uint64_t out, metadata.get_uint_or(prefix + "dense_2_feat_out", 0));
  HEARTH_ASSIGN(const uint64_t in, metadata.get_uint_or(prefix + "dense_3_feat_in", out));
  if (std::max({types, in, out}) > kMaxWidth || in != out)
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{} types of tokens, and matrices behind the pooling of which one gives "
                    "{} numbers and the other takes {}, are impossible",
                    types, out, in),
        "the file is damaged; download it again");
  p.n_token_types = int(types);
  p.pooled = int(out);
  return {};
}

// Whether all layers can write to one cache.
bool have_equal_heads(const HyperParams& p) {
  const LayerParams& first = p.layers[0];
  return std::ranges::all_of(p.layers, [&](const LayerParams& l) {
    return l.mixer == Mixer::kAttention && l.kv_layer < 0 && l.n_kv_heads == first.n_kv_heads &&
           l.head_dim_k == first.head_dim_k && l.head_dim_v == first.head_dim_v;
  });
}

}  // namespace

Result<void> use_embedding(HyperParams& params, const format::Metadata& metadata) {
  const std::string prefix = std::string(params.arch->name) + ".";
  HEARTH_ASSIGN(const bool causal, metadata.get_bool_or(prefix + "attention.causal", true));
  params.causal = params.arch->causal && causal;
  params.one_cache = !params.causal && have_equal_heads(params);
  HEARTH_TRY(read_pooling(params, metadata, prefix + "pooling_type"));
  HEARTH_TRY(read_labels(params, metadata, prefix + "classifier.output_labels"));
  HEARTH_ASSIGN(params.normalize_embeddings,
                metadata.get_bool_or(prefix + "normalize_embeddings", true));
  return read_widths(params, metadata, prefix);
}

}  // namespace hearth::model
