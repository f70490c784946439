#include "model/hyper_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hearth::model {
namespace {

// More than any model has; keeps every product of sizes far from wrapping before tensor shapes
// bound them.
constexpr uint64_t kMaxLayers = 4096;
constexpr uint64_t kMaxWidth = uint64_t{1} << 24;
constexpr uint64_t kMaxHeads = 65536;
constexpr uint64_t kMaxContext = (uint64_t{1} << 31) - 1;  // positions are 32-bit

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::unexpected<Error> unknown_arch(std::string_view name) {
  std::string known;
  const ArchSpec* nearest = all_archs().front();
  for (const ArchSpec* arch : all_archs()) {
    known += (known.empty() ? "" : ", ") + std::string(arch->name);
    if (edit_distance(name, arch->name) < edit_distance(name, nearest->name)) nearest = arch;
  }
  return fail(ErrorCode::kUnsupported,
              fmt::format("the architecture '{}' is not known to this version of Hearth",
                          name.substr(0, 64)),
              fmt::format("it runs {} (nearest by name: {}); use a model of one of these", known,
                          nearest->name));
}

// Reads keys below "<arch>.".
class Reader {
 public:
  Reader(const format::Metadata& metadata, std::string_view arch)
      : m_(metadata), prefix_(std::string(arch) + ".") {}

  // A count in [1, most].
  Result<int64_t> count(std::string_view key, uint64_t most) const {
    HEARTH_ASSIGN(const uint64_t value, m_.get_uint(prefix_ + std::string(key)));
    return in_range(key, value, 1, most);
  }
  Result<int64_t> count_or(std::string_view key, int64_t fallback, uint64_t least,
                           uint64_t most) const {
    HEARTH_ASSIGN(const uint64_t value,
                  m_.get_uint_or(prefix_ + std::string(key), uint64_t(fallback)));
    return in_range(key, value, least, most);
  }
  Result<double> number_or(std::string_view key, double fallback) const {
    const std::string full = prefix_ + std::string(key);
    if (!m_.contains(full)) return fallback;
    HEARTH_ASSIGN(const float value, m_.get_float(full));
    if (!std::isfinite(value))
      return fail(ErrorCode::kCorrupt, fmt::format("the key '{}' is not a finite number", full));
    return double(value);
  }
  Result<std::vector<uint64_t>> per_layer(std::string_view key, size_t n, uint64_t least,
                                          uint64_t most) const {
    HEARTH_ASSIGN(std::vector<uint64_t> values,
                  m_.get_per_layer<uint64_t>(prefix_ + std::string(key), n));
    for (const uint64_t value : values) HEARTH_TRY(in_range(key, value, least, most));
    return values;
  }
  [[nodiscard]] bool has(std::string_view key) const {
    return m_.contains(prefix_ + std::string(key));
  }
  [[nodiscard]] const format::Metadata& metadata() const { return m_; }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

 private:
  Result<int64_t> in_range(std::string_view key, uint64_t value, uint64_t least,
                           uint64_t most) const {
    if (value < least || value > most)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the key '{}{}' is {}, but must lie in {} to {}", prefix_, key, value,
                              least, most),
                  "the file is damaged or not a language model; download it again");
    return int64_t(value);
  }

  const format::Metadata& m_;
  std::string prefix_;
};

Result<void> read_layers(const Reader& r, HyperParams& p) {
  HEARTH_ASSIGN(const int64_t n_layers, r.count("block_count", kMaxLayers));
  const auto n = size_t(n_layers);
  HEARTH_ASSIGN(const auto heads, r.per_layer("attention.head_count", n, 1, kMaxHeads));
  std::vector<uint64_t> kv_heads = heads;
  if (r.has("attention.head_count_kv")) {
    HEARTH_ASSIGN(kv_heads, r.per_layer("attention.head_count_kv", n, 1, kMaxHeads));
  }
  HEARTH_ASSIGN(const auto ff, r.per_layer("feed_forward_length", n, 1, kMaxWidth));
  p.layers.resize(n);
  for (size_t i = 0; i < n; ++i) {
    if (heads[i] % kv_heads[i] != 0)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("layer {} has {} query heads, which its {} key heads do not divide",
                              i, heads[i], kv_heads[i]),
                  "the file is damaged; download it again");
    p.layers[i] = {.n_heads = int(heads[i]), .n_kv_heads = int(kv_heads[i]), .n_ff = int(ff[i])};
  }
  const int64_t default_dim = p.n_embd / p.layers[0].n_heads;
  HEARTH_ASSIGN(const int64_t dk, r.count_or("attention.key_length", default_dim, 1, kMaxHeads));
  HEARTH_ASSIGN(const int64_t dv, r.count_or("attention.value_length", default_dim, 1, kMaxHeads));
  p.head_dim_k = int(dk);
  p.head_dim_v = int(dv);
  HEARTH_ASSIGN(const double scale, r.number_or("attention.scale", 0));
  for (LayerParams& layer : p.layers)
    layer.attn_scale = scale != 0 ? float(scale) : float(1.0 / std::sqrt(double(dk)));
  return {};
}

// Which layers slide their window: a period, or one flag per layer.
Result<void> read_windows(const Reader& r, HyperParams& p) {
  if (p.arch->window_period == 0) return {};
  HEARTH_ASSIGN(const int64_t window, r.count_or("attention.sliding_window", 0, 0, kMaxContext));
  if (window == 0) return {};
  const std::string key = r.prefix() + "attention.sliding_window_pattern";
  const format::Value* pattern = r.metadata().find(key);
  if (pattern != nullptr && pattern->is_array()) {
    HEARTH_ASSIGN(const auto flags, r.metadata().get_per_layer<bool>(key, p.layers.size()));
    for (size_t i = 0; i < p.layers.size(); ++i) p.layers[i].window = flags[i] ? int(window) : 0;
    return {};
  }
  HEARTH_ASSIGN(const int64_t period, r.count_or("attention.sliding_window_pattern",
                                                 p.arch->window_period, 1, kMaxLayers));
  for (size_t i = 0; i < p.layers.size(); ++i)
    p.layers[i].window = int64_t(i) % period < period - 1 ? int(window) : 0;
  return {};
}

Result<void> read_rope(const Reader& r, HyperParams& p) {
  RopeParams& rope = p.rope;
  HEARTH_ASSIGN(const int64_t n_rot,
                r.count_or("rope.dimension_count", p.head_dim_k, 2, uint64_t(p.head_dim_k)));
  if (n_rot % 2 != 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("the key '{}rope.dimension_count' is odd ({})", r.prefix(), n_rot));
  rope.n_rot = int(n_rot);
  HEARTH_ASSIGN(rope.freq_base, r.number_or("rope.freq_base", 10000));
  HEARTH_ASSIGN(const std::string_view scaling,
                r.metadata().get_string_or(r.prefix() + "rope.scaling.type", "linear"));
  if (scaling == "none")
    rope.scaling = RopeScaling::kNone;
  else if (scaling == "linear")
    rope.scaling = RopeScaling::kLinear;
  else if (scaling == "yarn")
    rope.scaling = RopeScaling::kYarn;
  else if (scaling == "longrope")
    rope.scaling = RopeScaling::kLongRope;
  else
    return fail(ErrorCode::kUnsupported,
                fmt::format("the rope scaling '{}' is not known", scaling.substr(0, 64)),
                "use a model with none, linear, yarn or longrope scaling");
  // Files before 2023-10 wrote the factor as rope.scale_linear.
  HEARTH_ASSIGN(const double old_factor, r.number_or("rope.scale_linear", 1));
  HEARTH_ASSIGN(rope.factor, r.number_or("rope.scaling.factor", old_factor));
  HEARTH_ASSIGN(rope.n_ctx_original,
                r.count_or("rope.scaling.original_context_length", p.n_ctx_train, 1, kMaxContext));
  HEARTH_ASSIGN(rope.attn_factor, r.number_or("rope.scaling.attn_factor", 1));
  HEARTH_ASSIGN(rope.beta_fast, r.number_or("rope.scaling.yarn_beta_fast", 32));
  HEARTH_ASSIGN(rope.beta_slow, r.number_or("rope.scaling.yarn_beta_slow", 1));
  HEARTH_ASSIGN(rope.log_multiplier, r.number_or("rope.scaling.yarn_log_multiplier", 0));
  if (rope.freq_base <= 1 || rope.factor < 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("impossible rope: base {}, factor {}", rope.freq_base, rope.factor));
  if (rope.factor == 0) rope.factor = 1;
  return {};
}

Result<void> read_experts(const Reader& r, HyperParams& p) {
  HEARTH_ASSIGN(const int64_t n_experts, r.count_or("expert_count", 0, 0, kMaxHeads));
  if (n_experts == 0) return {};
  HEARTH_ASSIGN(const int64_t n_used, r.count("expert_used_count", uint64_t(n_experts)));
  HEARTH_ASSIGN(const int64_t ff,
                r.count_or("expert_feed_forward_length", p.layers[0].n_ff, 1, kMaxWidth));
  HEARTH_ASSIGN(const double scale, r.number_or("expert_weights_scale", 0));
  p.n_experts = int(n_experts);
  p.n_experts_used = int(n_used);
  p.n_ff_expert = int(ff);
  p.expert_weight_scale = scale == 0 ? 1.0f : float(scale);  // absent is 0, and means "off"
  return {};
}

// The vocabulary's size: the key, or the length of the token list.
Result<int64_t> read_vocab_size(const Reader& r) {
  if (r.has("vocab_size")) return r.count("vocab_size", kMaxWidth);
  const format::Value* tokens = r.metadata().find("tokenizer.ggml.tokens");
  if (tokens == nullptr || !tokens->is_array() || tokens->count == 0 || tokens->count > kMaxWidth)
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("neither '{}vocab_size' nor a token list says how large the vocabulary is",
                    r.prefix()),
        "the file is damaged; download it again");
  return int64_t(tokens->count);
}

}  // namespace

Result<HyperParams> read_hyper_params(const format::Metadata& metadata) {
  HEARTH_ASSIGN(const std::string_view arch_name, metadata.get_string("general.architecture"));
  const ArchSpec* arch = find_arch(arch_name);
  if (arch == nullptr) return unknown_arch(arch_name);

  HyperParams p;
  p.arch = arch;
  HEARTH_ASSIGN(p.name, metadata.get_string_or("general.name", ""));
  const Reader r(metadata, arch_name);
  HEARTH_ASSIGN(p.n_embd, r.count("embedding_length", kMaxWidth));
  HEARTH_ASSIGN(p.n_ctx_train, r.count("context_length", kMaxContext));
  HEARTH_ASSIGN(p.n_vocab, read_vocab_size(r));
  const std::string eps_key = r.prefix() + "attention.layer_norm_rms_epsilon";
  HEARTH_ASSIGN(const float eps, metadata.get_float(eps_key));
  if (!std::isfinite(eps) || eps < 0)
    return fail(ErrorCode::kCorrupt, fmt::format("the key '{}' is {}", eps_key, eps),
                "the file is damaged; download it again");
  p.norm_eps = eps;
  HEARTH_TRY(read_layers(r, p));
  HEARTH_TRY(read_windows(r, p));
  HEARTH_TRY(read_rope(r, p));
  HEARTH_TRY(read_experts(r, p));
  HEARTH_ASSIGN(const double attn_cap, r.number_or("attn_logit_softcapping", arch->attn_softcap));
  HEARTH_ASSIGN(const double final_cap,
                r.number_or("final_logit_softcapping", arch->final_softcap));
  p.attn_softcap = float(attn_cap);
  p.final_softcap = float(final_cap);
  if (arch->embed_scale == EmbedScale::kSqrtEmbd) p.embed_scale = std::sqrt(float(p.n_embd));
  if (arch->adjust != nullptr) arch->adjust(p);
  return p;
}

int64_t HyperParams::size(Dim dim, int layer) const {
  const LayerParams& l = layers[size_t(layer)];
  const auto dk = int64_t(head_dim_k);
  const auto dv = int64_t(head_dim_v);
  switch (dim) {
    case Dim::kNone:
      return 0;
    case Dim::kEmbd:
      return n_embd;
    case Dim::kVocab:
      return n_vocab;
    case Dim::kQ:
      return l.n_heads * dk;
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
    case Dim::kFf:
      return l.n_ff;
    case Dim::kFfTwice:
      return 2 * int64_t(l.n_ff);
    case Dim::kFfExpert:
      return n_ff_expert;
    case Dim::kExperts:
      return n_experts;
    case Dim::kRopePairs:
      return rope.n_rot / 2;
  }
  return 0;
}

}  // namespace hearth::model
