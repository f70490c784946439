#include "model/tiny_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "format/gguf_reader.h"
#include "model/hyper_params.h"

namespace hearth::model {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014), started from a hash of the tensor's name (FNV-1a).
class Random {
 public:
  Random(std::string_view name, uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : name) hash = (hash ^ uint8_t(c)) * 0x100000001b3;
    state_ ^= hash;
  }
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // The sum of four uniform numbers: near enough to normal, and exact everywhere.
  float normal() {
    const uint64_t bits = next();
    int32_t sum = -2 * 65535;
    for (int i = 0; i < 4; ++i) sum += int32_t(bits >> (16 * i) & 0xffff);
    return float(sum) * (1.7320508f / 65536.0f);
  }

 private:
  uint64_t state_;
};

bool is_norm(Role role) {
  using enum Role;
  constexpr Role kNorms[] = {kTokenEmbdNorm, kOutputNorm,       kClsNorm,       kAttnNorm,
                             kAttnNorm2,     kAttnQNorm,        kAttnKNorm,     kAttnSubNorm,
                             kPostAttnNorm,  kMlaQANorm,        kMlaKvANorm,    kIndexKNorm, kSsmDtNorm,
                             kSsmBNorm,      kSsmCNorm,         kSsmNorm,       kRwkvNorm,
                             kFfnNorm,       kFfnSubNorm,       kFfnNorm2,      kPostFfnNorm1,
                             kPostFfnNorm2,  kPostFfnNorm,      kLayerPostNorm, kAltupRouterNorm,
                             kLaurelNorm,    kLayerEmbdProjNorm};
  return std::ranges::count(kNorms, role) > 0;
}

bool is_rope_factors(Role role) {
  return role == Role::kRopeFreqs || role == Role::kRopeLong || role == Role::kRopeShort;
}

// Blocks of a type that has no encoder: random bytes whose numbers are neither all tiny nor large.
void random_blocks(const quant::TypeInfo& type, Random& random, std::vector<std::byte>& out) {
  std::vector<float> numbers(size_t(type.block_len));
  for (size_t at = 0; at < out.size(); at += type.block_bytes)
    for (float largest = 0; !(largest >= 0.02f && largest <= 0.5f);) {
      for (size_t i = 0; i < type.block_bytes; ++i) out[at + i] = std::byte(random.next() >> 56);
      type.decode_row(out.data() + at, type.block_len, numbers.data());
      largest = 0;
      for (const float x : numbers)
        largest = std::isfinite(x) ? std::max(largest, std::fabs(x)) : INFINITY;
    }
}

class Maker {
 public:
  explicit Maker(const TinyOptions& options) : o_(options) {}

  Result<TinyModel> make() {
    if (o_.arch == nullptr)
      return fail(ErrorCode::kInvalidArgument, "a tiny model needs an architecture");
    m_.prefix = std::string(o_.arch->name) + ".";
    set_keys();
    if (o_.with_vocabulary) set_vocabulary();
    HEARTH_ASSIGN(const std::vector<std::byte> head, m_.metadata.to_bytes({}));
    HEARTH_ASSIGN(const format::GgufHead read, format::read_gguf_head(head));
    HEARTH_ASSIGN(p_, read_hyper_params(read.metadata));
    for (const TensorSpec& spec : o_.arch->tensors) {
      const int n_layers = is_layer_role(spec.role) ? p_.n_layers() : 1;
      const bool chosen = std::ranges::count(o_.optional, spec.role) > 0 ||
                          std::ranges::count(o_.arch->tiny_optional, spec.role) > 0;
      for (int layer = 0; layer < n_layers; ++layer)
        if (is_wanted(p_, spec, layer, chosen) && has_sizes(spec, layer) &&
            m_.find(base_name(spec, layer) + std::string(suffix_text(spec.suffix))) == nullptr)
          add(spec, layer);
    }
    return std::move(m_);
  }

 private:
  void set(std::string_view key, int value) { m_.set(key, uint32_t(value)); }

  void set_by_layer(const TinyKey& key) {
    std::vector<uint32_t> values;
    for (int i = 0; i < o_.n_layers; ++i)
      values.push_back(uint32_t(i % 2 == 1 ? double(key.odd) : key.value));
    m_.metadata.set_array(m_.prefix + std::string(key.key), std::span<const uint32_t>(values));
  }

  void set_keys() {
    m_.metadata.set("general.architecture", o_.arch->name);
    m_.metadata.set("general.name", fmt::format("tiny {}", o_.arch->name));
    set("context_length", o_.n_ctx);
    set("embedding_length", o_.n_embd);
    set("block_count", o_.n_layers);
    set("feed_forward_length", o_.n_ff);
    set("attention.head_count", o_.n_heads);
    set("attention.head_count_kv", o_.n_kv_heads);
    set("attention.key_length", o_.head_dim);
    set("attention.value_length", o_.head_dim);
    m_.set(
        o_.arch->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
        1e-5f);
    set("rope.dimension_count", o_.n_rot > 0 ? o_.n_rot : o_.head_dim);
    m_.set("rope.freq_base", 10000.0f);
    set("vocab_size", o_.n_vocab);
    for (const TinyKey& key : o_.arch->tiny_keys) {
      if (key.odd >= 0)
        set_by_layer(key);
      else if (key.is_float)
        m_.set(key.key, float(key.value));
      else
        set(key.key, int(key.value));
    }
    if (o_.arch->window_period > 0) set("attention.sliding_window", o_.window);
    if (o_.n_experts == 0) return;
    set("expert_count", o_.n_experts);
    set("expert_used_count", o_.n_experts_used);
  }

  // Three specials, 256 bytes, then letters, and pairs of letters as long as there is room.
  void set_vocabulary() {
    std::vector<std::string> texts = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) texts.push_back(fmt::format("<0x{:02X}>", byte));
    types.resize(texts.size(), 6);
    texts.emplace_back("\xe2\x96\x81");  // the space of SentencePiece
    for (char c = 'a'; c <= 'z'; ++c) texts.emplace_back(1, c);
    for (int i = 0; int(texts.size()) < o_.n_vocab; ++i)
      texts.push_back({char('a' + i / 26 % 26), char('a' + i % 26)});
    texts.resize(size_t(o_.n_vocab));
    types.resize(texts.size(), 1);
    std::vector<float> scores(texts.size());
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = -float(i);
    m_.metadata.set("tokenizer.ggml.model", std::string_view("llama"));
    m_.metadata.set_array("tokenizer.ggml.tokens", std::span<const std::string>(texts));
    m_.metadata.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
    m_.metadata.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(types));
    m_.metadata.set("tokenizer.ggml.bos_token_id", uint32_t{1});
    m_.metadata.set("tokenizer.ggml.eos_token_id", uint32_t{2});
  }

  // Of an optional tensor that the model has no use for, some size is 0.
  [[nodiscard]] bool has_sizes(const TensorSpec& spec, int layer) const {
    for (int i = 0; i < spec.n_dims(); ++i)
      if (p_.size(spec.shape[size_t(i)], layer) == 0) return false;
    return true;
  }

  void add(const TensorSpec& spec, int layer) {
    const std::string base = base_name(spec, layer);
    TinyTensor t{base + std::string(suffix_text(spec.suffix)), nullptr, {}, {}};
    for (int i = 0; i < spec.n_dims(); ++i)
      t.shape.push_back(uint64_t(p_.size(spec.shape[size_t(i)], layer)));
    std::vector<uint64_t> bias_shape = {t.shape[spec.is_vector() ? 0 : 1]};
    if (t.shape.size() == 3) bias_shape.push_back(t.shape[2]);
    if (spec.is_vector())
      add_vector(std::move(t), spec.role);
    else
      add_matrix(std::move(t), spec.role);
    if (!o_.biases || !spec.may_have_bias) return;
    uint64_t n = 1;
    for (const uint64_t size : bias_shape) n *= size;
    std::vector<float> bias = tiny_normals(base + ".bias", o_.seed, size_t(n));
    for (float& x : bias) x *= 0.3f;
    add_floats({base + ".bias", nullptr, bias_shape, {}}, bias);
  }

  void add_floats(TinyTensor t, const std::vector<float>& values) {
    t.type = quant::find_type("F32");
    t.data.resize(values.size() * sizeof(float));
    std::memcpy(t.data.data(), values.data(), t.data.size());
    m_.tensors.push_back(std::move(t));
  }

  void add_vector(TinyTensor t, Role role) {
    uint64_t n = 1;
    for (const uint64_t size : t.shape) n *= size;
    std::vector<float> values = tiny_normals(t.name, o_.seed, size_t(n));
    for (size_t i = 0; i < values.size(); ++i) {
      if (is_norm(role)) values[i] = 1 + 0.25f * values[i];
      // Decays are e to the power of these, times a step.
      if (role == Role::kSsmA) values[i] = -std::exp(0.5f * values[i]);
      // Frequencies are divided by these: from 1 to 4, the long ones to 8.
      if (is_rope_factors(role))
        values[i] = 1 + float(role == Role::kRopeLong ? 7 : 3) * float(i) / float(values.size());
    }
    add_floats(std::move(t), values);
  }

  // Deviation of a matrix's numbers: outputs of the deviation that the next step wants.
  [[nodiscard]] float deviation(Role role, uint64_t fan_in) const {
    const float unit = 1 / std::sqrt(float(fan_in));
    switch (role) {
      case Role::kTokenEmbd:
        return 1 / p_.embed_scale;
      case Role::kOutput:
        return 2 * unit;
      case Role::kAttnOut:
      case Role::kFfnDown:
      case Role::kFfnDownExps:
        return unit;
      case Role::kFfnRouter:
        return 2.5f * unit;
      default:
        return 1.5f * unit;
    }
  }

  void add_matrix(TinyTensor t, Role role) {
    uint64_t n = 1;
    for (const uint64_t size : t.shape) n *= size;
    t.type = o_.type == nullptr ? quant::find_type("F32") : o_.type;
    if (t.shape[0] % uint64_t(t.type->block_len) != 0) t.type = quant::find_type("F16");
    t.data.resize(t.type->row_bytes(int64_t(n)));
    if (t.type->has_encoder) {
      std::vector<float> values = tiny_normals(t.name, o_.seed, size_t(n));
      const float scale = deviation(role, t.shape[0]);
      for (float& x : values) x *= scale;
      t.type->encode_row(values.data(), int64_t(n), nullptr, t.data.data());
    } else {
      Random random(t.name, o_.seed);
      random_blocks(*t.type, random, t.data);
    }
    m_.tensors.push_back(std::move(t));
  }

  const TinyOptions& o_;
  TinyModel m_;
  HyperParams p_;
};

}  // namespace

TinyTensor* TinyModel::find(std::string_view name) {
  const auto at = std::ranges::find(tensors, name, &TinyTensor::name);
  return at == tensors.end() ? nullptr : &*at;
}

Result<std::vector<std::byte>> TinyModel::to_bytes() const {
  format::GgufWriter writer = metadata;
  for (const TinyTensor& t : tensors) writer.add_tensor({t.name, t.type, t.shape}, t.data);
  return writer.to_bytes({});
}

Result<TinyModel> make_tiny_model(const TinyOptions& options) { return Maker(options).make(); }

std::vector<float> tiny_normals(std::string_view name, uint64_t seed, size_t n) {
  Random random(name, seed);
  std::vector<float> values(n);
  for (float& x : values) x = random.normal();
  return values;
}

}  // namespace hearth::model
