#include "model/hyper_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/embedding_params.h"
#include "model/recurrent_params.h"

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

// The three known architectures whose names are most like this one.
std::string nearest_archs(std::string_view name) {
  std::vector<const ArchSpec*> archs(all_archs().begin(), all_archs().end());
  std::ranges::stable_sort(archs, {},
                           [&](const ArchSpec* a) { return edit_distance(name, a->name); });
  return fmt::format("{} ({}), {} and {}", archs[0]->name, archs[0]->title, archs[1]->name,
                     archs[2]->name);
}

std::unexpected<Error> unknown_arch(std::string_view name) {
  name = name.substr(0, 64);
  return fail(ErrorCode::kUnsupported,
              fmt::format("the architecture '{}' is not known to this version of Hearth: it lacks "
                          "the list of its tensors and the order of its operations",
                          name),
              fmt::format("it runs {} architectures (docs/models.md), the nearest by name are {}; "
                          "use a model of one of these",
                          all_archs().size(), nearest_archs(name)));
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
  // The same value for all layers, or one for each; absent: `fallback`.
  Result<std::vector<uint64_t>> per_layer_or(std::string_view key, size_t n, uint64_t fallback,
                                             uint64_t most) const {
    if (!has(key)) return std::vector<uint64_t>(n, fallback);
    return per_layer(key, n, 0, most);
  }
  Result<bool> flag_or(std::string_view key, bool fallback) const {
    if (!has(key)) return fallback;
    return m_.get_bool(prefix_ + std::string(key));
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

// A float that may be absent, as HyperParams keep it.
Result<void> read_number(const Reader& r, std::string_view key, float& value) {
  HEARTH_ASSIGN(const double number, r.number_or(key, double(value)));
  value = float(number);
  return {};
}

// A count that may be absent or 0.
Result<void> read_count(const Reader& r, std::string_view key, int& value,
                        uint64_t most = kMaxWidth) {
  HEARTH_ASSIGN(const int64_t number, r.count_or(key, value, 0, most));
  value = int(number);
  return {};
}

Result<void> read_head_sizes(const Reader& r, HyperParams& p) {
  const int n_heads = std::max(1, p.layers[0].n_heads);
  const int64_t usual = std::max<int64_t>(1, p.n_embd / n_heads);
  HEARTH_ASSIGN(const int64_t dk, r.count_or("attention.key_length", usual, 1, kMaxHeads));
  HEARTH_ASSIGN(const int64_t dv, r.count_or("attention.value_length", usual, 1, kMaxHeads));
  HEARTH_ASSIGN(const double scale, r.number_or("attention.scale", 0));
  for (LayerParams& layer : p.layers) {
    layer.head_dim_k = int(dk);
    layer.head_dim_v = int(dv);
    layer.attn_scale = scale != 0 ? float(scale) : float(1.0 / std::sqrt(double(dk)));
  }
  return {};
}

// Multi-token prediction layers stand behind the others: block_count counts them.
Result<size_t> count_layers(const Reader& r) {
  HEARTH_ASSIGN(const int64_t all, r.count("block_count", kMaxLayers));
  HEARTH_ASSIGN(const int64_t predicting, r.count_or("nextn_predict_layers", 0, 0, kMaxLayers));
  if (predicting >= all)
    return fail(ErrorCode::kCorrupt,
                fmt::format("all {} layers are said to predict further tokens", all),
                "the file is damaged; download it again");
  return size_t(all - predicting);
}

Result<void> read_layers(const Reader& r, HyperParams& p) {
  HEARTH_ASSIGN(const size_t n, count_layers(r));
  // Models without attention (Mamba) may say 0 heads or nothing.
  HEARTH_ASSIGN(const auto heads, r.per_layer_or("attention.head_count", n, 0, kMaxHeads));
  std::vector<uint64_t> kv_heads = heads;
  if (r.has("attention.head_count_kv")) {
    HEARTH_ASSIGN(kv_heads, r.per_layer("attention.head_count_kv", n, 0, kMaxHeads));
  }
  HEARTH_ASSIGN(const auto ff, r.per_layer_or("feed_forward_length", n, 0, kMaxWidth));
  p.layers.resize(n);
  for (size_t i = 0; i < n; ++i) {
    if (kv_heads[i] > 0 && heads[i] % kv_heads[i] != 0)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("layer {} has {} query heads, which its {} key heads do not divide",
                              i, heads[i], kv_heads[i]),
                  "the file is damaged; download it again");
    LayerParams& layer = p.layers[i];
    layer.n_heads = int(heads[i]);
    layer.n_kv_heads = int(kv_heads[i]);
    layer.n_ff = int(ff[i]);
  }
  return read_head_sizes(r, p);
}

// Which layers slide their window: a period, or one flag per layer.
Result<void> read_windows(const Reader& r, HyperParams& p) {
  const ArchSpec& arch = *p.arch;
  if (arch.window_period == 0) return {};
  HEARTH_ASSIGN(const int64_t window, r.count_or("attention.sliding_window", 0, 0, kMaxContext));
  if (window == 0) return {};
  const std::string key = r.prefix() + "attention.sliding_window_pattern";
  const format::Value* pattern = r.metadata().find(key);
  if (pattern != nullptr && pattern->is_array()) {
    HEARTH_ASSIGN(const auto flags, r.metadata().get_per_layer<bool>(key, p.layers.size()));
    for (size_t i = 0; i < p.layers.size(); ++i) p.layers[i].window = flags[i] ? int(window) : 0;
    return {};
  }
  HEARTH_ASSIGN(const int64_t period,
                r.count_or("attention.sliding_window_pattern", arch.window_period, 1, kMaxLayers));
  for (size_t i = 0; i < p.layers.size(); ++i) {
    const int64_t at = int64_t(i) % period;
    const bool slides = arch.window_dense_first ? at > 0 : at < period - 1;
    p.layers[i].window = slides ? int(window) : 0;
  }
  return {};
}

Result<RopeScaling> read_rope_scaling(const Reader& r) {
  HEARTH_ASSIGN(const std::string_view scaling,
                r.metadata().get_string_or(r.prefix() + "rope.scaling.type", "linear"));
  if (scaling == "none") return RopeScaling::kNone;
  if (scaling == "linear") return RopeScaling::kLinear;
  if (scaling == "yarn") return RopeScaling::kYarn;
  if (scaling == "longrope") return RopeScaling::kLongRope;
  return fail(ErrorCode::kUnsupported,
              fmt::format("the rope scaling '{}' is not known", scaling.substr(0, 64)),
              "use a model with none, linear, yarn or longrope scaling");
}

Result<void> read_rope_sections(const Reader& r, RopeParams& rope) {
  const std::string key = r.prefix() + "rope.dimension_sections";
  const format::Value* value = r.metadata().find(key);
  if (value == nullptr || !value->is_array()) return {};
  if (value->count > rope.sections.size())
    return fail(ErrorCode::kCorrupt,
                fmt::format("the key '{}' has {} values, not 4", key, value->count));
  HEARTH_ASSIGN(const auto sections, r.metadata().get_per_layer<uint64_t>(key, value->count));
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i] > kMaxHeads)
      return fail(ErrorCode::kCorrupt, fmt::format("the key '{}' is impossible", key));
    rope.sections[i] = int(sections[i]);
  }
  return {};
}

Result<void> read_rope(const Reader& r, HyperParams& p) {
  RopeParams& rope = p.rope;
  int widest = 2;
  for (const LayerParams& layer : p.layers) widest = std::max(widest, layer.head_dim_k);
  HEARTH_ASSIGN(const int64_t n_rot,
                r.count_or("rope.dimension_count", widest / 2 * 2, 0, uint64_t(widest)));
  if (n_rot % 2 != 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("the key '{}rope.dimension_count' is odd ({})", r.prefix(), n_rot));
  rope.n_rot = int(n_rot);
  HEARTH_ASSIGN(rope.freq_base, r.number_or("rope.freq_base", 10000));
  HEARTH_ASSIGN(rope.scaling, read_rope_scaling(r));
  // Files before 2023-10 wrote the factor as rope.scale_linear.
  HEARTH_ASSIGN(const double old_factor, r.number_or("rope.scale_linear", 1));
  HEARTH_ASSIGN(rope.factor, r.number_or("rope.scaling.factor", old_factor));
  HEARTH_ASSIGN(rope.n_ctx_original,
                r.count_or("rope.scaling.original_context_length", p.n_ctx_train, 1, kMaxContext));
  HEARTH_ASSIGN(rope.attn_factor, r.number_or("rope.scaling.attn_factor", 1));
  HEARTH_ASSIGN(rope.beta_fast, r.number_or("rope.scaling.yarn_beta_fast", 32));
  HEARTH_ASSIGN(rope.beta_slow, r.number_or("rope.scaling.yarn_beta_slow", 1));
  HEARTH_ASSIGN(rope.log_multiplier, r.number_or("rope.scaling.yarn_log_multiplier", 0));
  HEARTH_TRY(read_rope_sections(r, rope));
  if (rope.freq_base <= 1 || rope.factor < 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("impossible rope: base {}, factor {}", rope.freq_base, rope.factor));
  if (rope.factor == 0) rope.factor = 1;
  p.window_rope = rope;
  if (p.arch->window_rope == WindowRope::kSame) return {};
  p.window_rope.scaling = RopeScaling::kNone;
  p.window_rope.attn_factor = 1;
  if (p.arch->window_rope == WindowRope::kOwnBase) {
    HEARTH_ASSIGN(p.window_rope.freq_base, r.number_or("rope.freq_base_swa", 10000));
    HEARTH_ASSIGN(const int64_t own,
                  r.count_or("rope.dimension_count_swa", p.rope.n_rot, 2, kMaxHeads));
    p.window_rope.n_rot = int(own);
  }
  return {};
}

void choose_ropes(HyperParams& p) {
  const ArchSpec& arch = *p.arch;
  for (size_t i = 0; i < p.layers.size(); ++i) {
    LayerParams& layer = p.layers[i];
    const bool still = arch.rope == tensor::RopePairing::kNone ||
                       (arch.nope_period > 0 && (int(i) + 1) % arch.nope_period == 0) ||
                       (arch.rope_use == RopeUse::kWindowsOnly && layer.window == 0);
    const bool as_window = layer.window > 0 && arch.window_rope != WindowRope::kSame;
    layer.rope = still ? LayerRope::kNone : as_window ? LayerRope::kWindow : LayerRope::kMain;
  }
}

Result<void> read_expert_gating(const Reader& r, HyperParams& p) {
  p.expert_gating = p.arch->expert_gating;
  if (!p.arch->expert_gating_key) return {};
  HEARTH_ASSIGN(const int64_t gating, r.count_or("expert_gating_func", 0, 0, 4));
  if (gating == 1) p.expert_gating = tensor::ExpertGating::kSoftmax;
  if (gating == 2) p.expert_gating = tensor::ExpertGating::kSigmoid;
  if (gating == 3) p.expert_gating = tensor::ExpertGating::kSoftmaxChosen;
  if (gating == 4)
    return fail(ErrorCode::kUnsupported,
                "its experts are chosen by sqrt(softplus), which Hearth does not know",
                "use another model");
  return {};
}

// Dense layers lead; behind them every layer has experts, or every step-th one.
Result<void> place_experts(const Reader& r, HyperParams& p) {
  HEARTH_ASSIGN(const int64_t lead, r.count_or("leading_dense_block_count", 0, 0, kMaxLayers));
  HEARTH_ASSIGN(const int64_t step, r.count_or("interleave_moe_layer_step", 1, 0, kMaxLayers));
  for (size_t i = 0; i < p.layers.size(); ++i)
    if (int64_t(i) >= lead && step > 0 && int64_t(i + 1) % step == 0)
      p.layers[i].ffn = FfnKind::kExperts;
  return {};
}

Result<void> read_shared_expert(const Reader& r, HyperParams& p) {
  HEARTH_ASSIGN(const int64_t count, r.count_or("expert_shared_count", 0, 0, kMaxHeads));
  HEARTH_ASSIGN(const int64_t ff, r.count_or("expert_shared_feed_forward_length",
                                             count * p.n_ff_expert, 0, kMaxWidth));
  for (LayerParams& layer : p.layers)
    if (layer.ffn == FfnKind::kExperts) layer.n_ff_shared = int(ff);
  return {};
}

Result<void> read_experts(const Reader& r, HyperParams& p) {
  HEARTH_TRY(read_count(r, "expert_count", p.n_experts, kMaxHeads));
  if (p.n_experts == 0) return {};
  HEARTH_ASSIGN(const int64_t n_used, r.count("expert_used_count", uint64_t(p.n_experts)));
  p.n_experts_used = int(n_used);
  p.n_ff_expert = p.layers.back().n_ff;
  if (p.arch->expert_ff_key) HEARTH_TRY(read_count(r, "expert_feed_forward_length", p.n_ff_expert));
  HEARTH_TRY(read_number(r, "expert_weights_scale", p.expert_weight_scale));
  if (p.expert_weight_scale == 0) p.expert_weight_scale = 1;  // absent is 0, and means "off"
  HEARTH_TRY(read_count(r, "expert_group_count", p.n_expert_groups, kMaxHeads));
  HEARTH_TRY(read_count(r, "expert_group_used_count", p.n_expert_groups_used, kMaxHeads));
  if (p.n_expert_groups > 1 &&
      (p.n_experts % p.n_expert_groups != 0 || p.n_expert_groups_used < 1 ||
       p.n_expert_groups_used > p.n_expert_groups ||
       p.n_experts / p.n_expert_groups * p.n_expert_groups_used < p.n_experts_used))
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{} experts in {} groups, {} of them used, cannot give {} a token", p.n_experts,
                    p.n_expert_groups, p.n_expert_groups_used, p.n_experts_used),
        "the file is damaged; download it again");
  p.expert_renormalize = p.arch->expert_renormalize;
  if (p.arch->expert_renormalize_key) {
    HEARTH_ASSIGN(p.expert_renormalize, r.flag_or("expert_weights_norm", false));
  }
  HEARTH_TRY(read_expert_gating(r, p));
  HEARTH_TRY(place_experts(r, p));
  return read_shared_expert(r, p);
}

bool has_role(const ArchSpec& arch, Role role) {
  return std::ranges::any_of(arch.tensors,
                             [&](const TensorSpec& spec) { return spec.role == role; });
}

// Multi-head latent attention, of architectures that have its tensors.
Result<void> read_latent(const Reader& r, HyperParams& p) {
  if (!has_role(*p.arch, Role::kMlaKvA)) return {};
  MlaParams& mla = p.mla;
  HEARTH_TRY(read_count(r, "attention.q_lora_rank", mla.q_rank));
  HEARTH_ASSIGN(const int64_t kv_rank, r.count("attention.kv_lora_rank", kMaxWidth));
  mla.kv_rank = int(kv_rank);
  int k = p.layers[0].head_dim_k;
  mla.v = p.layers[0].head_dim_v;
  HEARTH_TRY(read_count(r, "attention.key_length_mla", k));
  HEARTH_TRY(read_count(r, "attention.value_length_mla", mla.v));
  mla.rope = p.rope.n_rot;
  mla.nope = k - mla.rope;
  if (mla.nope <= 0 || mla.v <= 0)
    return fail(ErrorCode::kCorrupt,
                fmt::format("heads of {} values, of which {} rotate, are impossible", k, mla.rope),
                "the file is damaged; download it again");
  return {};
}

// What some architectures say beside.
Result<void> read_extras(const Reader& r, HyperParams& p) {
  const ArchSpec& arch = *p.arch;
  if (arch.embed_scale == EmbedScale::kSqrtEmbd) p.embed_scale = std::sqrt(float(p.n_embd));
  p.attn_softcap = arch.attn_softcap;
  p.final_softcap = arch.final_softcap;
  HEARTH_TRY(read_number(r, "attn_logit_softcapping", p.attn_softcap));
  HEARTH_TRY(read_number(r, "final_logit_softcapping", p.final_softcap));
  HEARTH_TRY(read_number(r, "embedding_scale", p.embed_scale));
  HEARTH_TRY(read_number(r, "residual_scale", p.residual_scale));
  HEARTH_TRY(read_number(r, "logit_scale", p.logit_scale));
  if (p.logit_scale == 0) p.logit_scale = 1;
  if (arch.logit_scale == LogitScale::kDivide) p.logit_scale = 1 / p.logit_scale;
  HEARTH_TRY(read_number(r, "attention.max_alibi_bias", p.max_alibi));
  HEARTH_TRY(read_number(r, "attention.clamp_kqv", p.clamp_qkv));
  HEARTH_TRY(read_number(r, "attention.value_scale", p.value_scale));
  float temperature = 0;
  HEARTH_TRY(read_number(r, "attention.temperature_scale", temperature));
  p.temperature = {.scale = 0, .length = float(p.rope.n_ctx_original), .offset = 0};
  for (LayerParams& layer : p.layers) layer.temperature = temperature;
  HEARTH_TRY(read_count(r, "embedding_length_per_layer_input", p.layer_embd));
  HEARTH_TRY(read_latent(r, p));
  SsmParams& ssm = p.ssm;
  HEARTH_TRY(read_count(r, "ssm.conv_kernel", ssm.conv_kernel));
  HEARTH_TRY(read_count(r, "shortconv.l_cache", ssm.conv_kernel));
  HEARTH_TRY(read_count(r, "ssm.inner_size", ssm.inner));
  HEARTH_TRY(read_count(r, "ssm.state_size", ssm.state));
  HEARTH_TRY(read_count(r, "ssm.time_step_rank", ssm.rank));
  HEARTH_TRY(read_count(r, "ssm.group_count", ssm.groups));
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

Result<float> read_eps(const Reader& r, bool layer_norm) {
  std::string key = r.prefix() + "attention.layer_norm_rms_epsilon";
  // Phi-3.5-MoE has layer norms and the other's key.
  if (layer_norm && (r.has("attention.layer_norm_epsilon") || !r.metadata().contains(key)))
    key = r.prefix() + "attention.layer_norm_epsilon";
  HEARTH_ASSIGN(const float eps, r.metadata().get_float(key));
  if (!std::isfinite(eps) || eps < 0)
    return fail(ErrorCode::kCorrupt, fmt::format("the key '{}' is {}", key, eps),
                "the file is damaged; download it again");
  return eps;
}

// Layers that attend must have heads, those with an FFN a width, and those that rotate something to
// rotate.
Result<void> check_layers(const Reader& r, const HyperParams& p) {
  const auto impossible = [&](size_t layer, std::string_view key, int value) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the key '{}{}' is {} for layer {}", r.prefix(), key, value, layer),
                "the file is damaged or not a language model; download it again");
  };
  for (size_t i = 0; i < p.layers.size(); ++i) {
    const LayerParams& l = p.layers[i];
    const bool dense = l.ffn == FfnKind::kDense || l.ffn == FfnKind::kBoth;
    if (dense && l.n_ff == 0) return impossible(i, "feed_forward_length", l.n_ff);
    if (l.mixer != Mixer::kAttention) continue;
    if (l.n_heads == 0) return impossible(i, "attention.head_count", l.n_heads);
    if (l.n_kv_heads == 0) return impossible(i, "attention.head_count_kv", l.n_kv_heads);
    const int n_rot = l.rope == LayerRope::kWindow ? p.window_rope.n_rot : p.rope.n_rot;
    if (l.rope != LayerRope::kNone && (n_rot < 2 || n_rot % 2 != 0 || n_rot > l.head_dim_k))
      return impossible(i, "rope.dimension_count", n_rot);
    const LayerParams& kv = p.layers[size_t(p.kv_layer(int(i)))];
    if (l.n_heads % kv.n_kv_heads != 0 || kv.head_dim_k != l.head_dim_k ||
        kv.head_dim_v != l.head_dim_v)
      return impossible(i, "attention.head_count", l.n_heads);
  }
  if (p.n_experts > 0 && p.n_ff_expert == 0)
    return impossible(0, "expert_feed_forward_length", p.n_ff_expert);
  return {};
}

}  // namespace

Result<HyperParams> read_hyper_params(const format::Metadata& metadata) {
  HEARTH_ASSIGN(const std::string_view arch_name, metadata.get_string("general.architecture"));
  const ArchSpec* arch = find_arch(arch_name);
  if (arch == nullptr) return unknown_arch(arch_name);

  HyperParams p;
  p.arch = arch;
  p.topology = arch->topology;
  p.plain_qk_norm = arch->plain_qk_norm;
  p.activation = arch->activation;
  HEARTH_ASSIGN(p.name, metadata.get_string_or("general.name", ""));
  const Reader r(metadata, arch_name);
  HEARTH_ASSIGN(p.n_embd, r.count("embedding_length", kMaxWidth));
  HEARTH_ASSIGN(p.n_ctx_train, r.count("context_length", kMaxContext));
  HEARTH_ASSIGN(p.n_vocab, read_vocab_size(r));
  HEARTH_ASSIGN(p.norm_eps, read_eps(r, arch->layer_norm));
  HEARTH_TRY(read_layers(r, p));
  HEARTH_TRY(read_windows(r, p));
  HEARTH_TRY(read_rope(r, p));
  choose_ropes(p);
  HEARTH_TRY(read_experts(r, p));
  HEARTH_TRY(read_extras(r, p));
  if (arch->adjust != nullptr) HEARTH_TRY(arch->adjust(p, metadata));
  // Mamba has no FFN, whatever its files say of its width.
  if (!has_role(*arch, Role::kFfnUp) && !has_role(*arch, Role::kFfnDownExps))
    for (LayerParams& layer : p.layers) layer.ffn = FfnKind::kNone;
  HEARTH_TRY(use_recurrent(p, metadata));
  HEARTH_TRY(check_layers(r, p));
  HEARTH_TRY(use_embedding(p, metadata));
  return p;
}

std::vector<tensor::KvLayerView> kv_layout(const HyperParams& params, tensor::KvType type) {
  std::vector<tensor::KvLayerView> views;
  for (int layer = 0; layer < params.n_layers(); ++layer) {
    const LayerParams& l = params.layers[size_t(layer)];
    const bool own = params.kv_layer(layer) == layer;
    views.push_back({type, own ? l.n_kv_heads : 0, l.head_dim_k, l.head_dim_v, nullptr});
  }
  if (params.indexer.n_heads == 0) return views;
  for (const LayerParams& l : params.layers)
    views.push_back({type, l.selects == Selects::kOwn ? 1 : 0, params.indexer.width, 0, nullptr});
  return views;
}

bool is_wanted(const HyperParams& params, const TensorSpec& spec, int layer, bool exists) {
  const LayerParams& l = params.layers[size_t(layer)];
  switch (spec.presence) {
    case Presence::kRequired:
      return true;
    case Presence::kOptional:
      return exists;
    case Presence::kButFirst:
      return layer > 0 || exists;
    case Presence::kDense:
      return l.ffn == FfnKind::kDense || l.ffn == FfnKind::kBoth;
    case Presence::kExpert:
      return l.ffn == FfnKind::kExperts || l.ffn == FfnKind::kBoth;
    case Presence::kShared:
      return l.n_ff_shared > 0;
    case Presence::kAttention:
      return l.mixer == Mixer::kAttention;
    case Presence::kRecurrent:
      return l.mixer == Mixer::kRecurrent;
    case Presence::kKvOwner:
      return l.mixer == Mixer::kAttention && (l.kv_layer < 0 || exists);
    case Presence::kLayerEmbedding:
      return params.layer_embd > 0;
    case Presence::kIndexer:
      return l.selects == Selects::kOwn;
  }
  return false;
}

}  // namespace hearth::model
