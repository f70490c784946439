// make_model: writes a GGUF file with the shapes of a real model and random weights of any type,
// for benchmarks.
//
//   make_model OUT.gguf [SHAPE] [TYPE]
//
// SHAPE is one of kShapes below (default: tinyllama-1.1b), TYPE a tensor type or one of the
// mixtures of types in kMixtures (default: Q4_K_M). Which tensors there are, and how large, says
// the architecture (model/spec.h).
//
// The weights mean nothing: speed and memory depend on shapes and types alone. Every matrix is
// filled with blocks from a pool of encoded gaussian numbers (encoding a billion numbers would take
// minutes).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "format/gguf_reader.h"
#include "format/gguf_writer.h"
#include "model/hyper_params.h"

namespace {

using namespace hearth;
using format::GgufWriter;

using model::Role;

struct Shape {
  const char* name;
  const char* arch;
  int n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_vocab, n_ctx;
  float rope_base;
  bool tied;
  // Numbers that no other has; they stand in for those before.
  std::vector<std::pair<const char*, uint32_t>> keys = {};
  std::vector<Role> optional = {};  // tensors that not every model of the architecture has
  std::vector<uint32_t> rope_sections = {};
};

// Sizes: the models' published configurations (briefs models-and-formats 2.8). "tiny" ones have the
// layers of a large model, and so few of them that the file fits beside other work.
const Shape kShapes[] = {
    {"tinyllama-1.1b", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 2048, 10000, false},
    {"llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000, true},
    {"llama-3.2-3b", "llama", 28, 3072, 8192, 24, 8, 128, 128256, 131072, 500000, true},
    {"llama-3.1-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, 500000, false},
    {"qwen2.5-1.5b", "qwen2", 28, 1536, 8960, 12, 2, 128, 151936, 32768, 1000000, true},
    {"qwen2.5-7b", "qwen2", 28, 3584, 18944, 28, 4, 128, 152064, 131072, 1000000, false},
    // Gated delta rule in three of four layers.
    {"qwen3.5-0.8b",
     "qwen35",
     24,
     1024,
     3584,
     8,
     2,
     256,
     248320,
     262144,
     10000000,
     true,
     {{"rope.dimension_count", 64},
      {"ssm.conv_kernel", 4},
      {"ssm.inner_size", 2048},
      {"ssm.state_size", 128},
      {"ssm.time_step_rank", 16},
      {"ssm.group_count", 16},
      {"full_attention_interval", 4}},
     {},
     {11, 11, 10, 0}},
    // Mixtral's way of choosing 2 of 8 experts, in a size of its own.
    {"mixtral-tiny",
     "llama",
     8,
     2048,
     3584,
     32,
     8,
     64,
     32000,
     4096,
     1000000,
     false,
     {{"expert_count", 8}, {"expert_used_count", 2}}},
    // Layers of Qwen 3 30B-A3B: 8 of 128 experts.
    {"qwen3-moe-tiny",
     "qwen3moe",
     4,
     2048,
     6144,
     32,
     4,
     128,
     32000,
     32768,
     1000000,
     false,
     {{"expert_count", 128}, {"expert_used_count", 8}, {"expert_feed_forward_length", 768}}},
    // Layers of GLM 4.7 Flash: latent attention, 4 of 64 experts and a shared one.
    {"glm-4.7-flash-tiny",
     "deepseek2",
     4,
     2048,
     10240,
     20,
     1,
     576,
     32000,
     32768,
     1000000,
     false,
     {{"attention.value_length", 512},
      {"attention.key_length_mla", 256},
      {"attention.value_length_mla", 256},
      {"attention.q_lora_rank", 768},
      {"attention.kv_lora_rank", 512},
      {"rope.dimension_count", 64},
      {"leading_dense_block_count", 1},
      {"expert_count", 64},
      {"expert_used_count", 4},
      {"expert_shared_count", 1},
      {"expert_gating_func", 2},
      {"expert_feed_forward_length", 1536}},
     {Role::kMlaQA, Role::kMlaQANorm, Role::kMlaQB, Role::kMlaKB, Role::kMlaVB}},
};

// Files that store some matrices more exactly than the rest: the head, and attn_v and ffn_down of
// some layers.
struct Mixture {
  std::string_view name;
  const char* base;
  const char* better;
  uint32_t file_type;  // general.file_type
};
constexpr Mixture kMixtures[] = {{"Q4_K_M", "Q4_K", "Q6_K", 15}, {"Q5_K_M", "Q5_K", "Q6_K", 17}};

const Mixture* find_mixture(std::string_view name) {
  for (const Mixture& mixture : kMixtures)
    if (mixture.name == name) return &mixture;
  return nullptr;
}

// xorshift64*: Vigna 2016.
struct Random {
  uint64_t state = 0x9e3779b97f4a7c15;
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
  }
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  double gaussian() {
    return std::sqrt(-2 * std::log(uniform() + 1e-300)) * std::cos(6.283185307179586 * uniform());
  }
};

// Encoded blocks to draw from, by type; gaussian numbers of standard deviation 0.02.
const std::vector<std::byte>& pool(const quant::TypeInfo& type) {
  static std::map<int, std::vector<std::byte>> pools;
  std::vector<std::byte>& blocks = pools[type.index];
  if (!blocks.empty()) return blocks;
  constexpr int kBlocks = 509;  // prime: rows do not repeat
  const int64_t n = int64_t(kBlocks) * std::max(type.block_len, 32);
  std::vector<float> numbers(size_t(n), 0.0f);
  Random random;
  for (float& x : numbers) x = float(0.02 * random.gaussian());
  blocks.resize(type.row_bytes(n));
  if (type.encode_row != nullptr) {
    type.encode_row(numbers.data(), n, nullptr, blocks.data());
  } else {  // codebook types: any bits are a valid block; keep the scale (the first half word of
            // each) small
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = std::byte(random.next());
    for (size_t i = 0; i < blocks.size(); i += type.block_bytes)
      blocks[i] = std::byte(0x40), blocks[i + 1] = std::byte(0x10);
  }
  return blocks;
}

format::ByteSource random_blocks(const quant::TypeInfo& type, uint64_t n_bytes, uint64_t seed) {
  return [&type, n_bytes, seed](const format::ByteSink& sink) -> Result<void> {
    const std::vector<std::byte>& blocks = pool(type);
    const size_t n_pool = blocks.size() / type.block_bytes;
    std::vector<std::byte> piece;
    Random random{seed * 0x9e3779b97f4a7c15 + 1};
    for (uint64_t done = 0; done < n_bytes; done += piece.size()) {
      piece.resize(std::min<uint64_t>(n_bytes - done, type.block_bytes * 16384));
      for (size_t at = 0; at < piece.size(); at += type.block_bytes)
        std::memcpy(piece.data() + at, blocks.data() + random.next() % n_pool * type.block_bytes,
                    type.block_bytes);
      HEARTH_TRY(sink(piece));
    }
    return {};
  };
}

class Maker {
 public:
  // REQUIRES: a mixture or a type has this name.
  Maker(const Shape& shape, const std::string& type) : s_(shape), mixture_(find_mixture(type)) {
    base_ = quant::find_type(mixture_ != nullptr ? mixture_->base : type);
    better_ = mixture_ != nullptr ? quant::find_type(mixture_->better) : base_;
  }

  Result<void> write(const std::string& path) {
    keys();
    vocabulary();
    HEARTH_ASSIGN(const std::vector<std::byte> bytes, w_.to_bytes({}));
    HEARTH_ASSIGN(const format::GgufHead head, format::read_gguf_head(bytes));
    HEARTH_ASSIGN(p_, model::read_hyper_params(head.metadata));
    for (const model::TensorSpec& spec : p_.arch->tensors) {
      const int n_layers = model::is_layer_role(spec.role) ? s_.n_layers : 1;
      const bool chosen = std::ranges::count(s_.optional, spec.role) > 0 ||
                          (spec.role == Role::kOutput && !s_.tied);
      for (int layer = 0; layer < n_layers; ++layer)
        if (model::is_wanted(p_, spec, layer, chosen)) tensor(spec, layer);
    }
    HEARTH_TRY(w_.write(path, {}));
    return {};
  }

 private:
  [[nodiscard]] const quant::TypeInfo* type_of(Role role, int layer) const {
    using enum Role;
    const int eighth = s_.n_layers / 8;
    const bool here = layer < eighth || layer >= 7 * s_.n_layers / 8 || (layer - eighth) % 3 == 2;
    switch (role) {
      case kFfnRouter:
        return quant::find_type("F32");
      case kOutput:
        return better_;
      case kTokenEmbd:  // one that is the head as well is stored like a head
        return s_.tied ? better_ : base_;
      case kAttnV:
      case kFfnDown:
      case kFfnDownExps:
        return here ? better_ : base_;
      default:
        return base_;
    }
  }

  void set(const char* key, uint32_t value) {
    // A shape's own number comes first.
    const auto own = std::ranges::find(s_.keys, std::string_view(key), [](const auto& pair) {
      return std::string_view(pair.first);
    });
    w_.set(std::string(s_.arch) + "." + key, own == s_.keys.end() ? value : own->second);
  }
  void set(const char* key, float value) { w_.set(std::string(s_.arch) + "." + key, value); }

  void keys() {
    w_.set("general.architecture", std::string_view(s_.arch));
    w_.set("general.name", std::string_view(s_.name));
    if (mixture_ != nullptr) w_.set("general.file_type", mixture_->file_type);
    set("context_length", uint32_t(s_.n_ctx));
    set("embedding_length", uint32_t(s_.n_embd));
    set("block_count", uint32_t(s_.n_layers));
    set("feed_forward_length", uint32_t(s_.n_ff));
    set("attention.head_count", uint32_t(s_.n_heads));
    set("attention.head_count_kv", uint32_t(s_.n_kv_heads));
    set("attention.layer_norm_rms_epsilon", 1e-5f);
    set("attention.key_length", uint32_t(s_.head_dim));
    set("attention.value_length", uint32_t(s_.head_dim));
    set("rope.dimension_count", uint32_t(s_.head_dim));
    set("rope.freq_base", s_.rope_base);
    set("vocab_size", uint32_t(s_.n_vocab));
    for (const auto& [key, value] : s_.keys) set(key, value);
    if (!s_.rope_sections.empty())
      w_.set_array(std::string(s_.arch) + ".rope.dimension_sections",
                   std::span<const uint32_t>(s_.rope_sections));
  }

  // A SentencePiece vocabulary: three specials, 256 bytes, then made-up words.
  void vocabulary() {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};
    for (int b = 0; b < 256; ++b) {
      char text[8];
      std::snprintf(text, sizeof(text), "<0x%02X>", b);
      tokens.emplace_back(text);
      types.push_back(6);
    }
    for (int i = int(tokens.size()); i < s_.n_vocab; ++i) {
      std::string word = i % 2 == 0 ? "\xe2\x96\x81" : "";
      for (int n = i; n > 0; n /= 26) word += char('a' + n % 26);
      tokens.push_back(word);
      types.push_back(1);
    }
    std::vector<float> scores(tokens.size());
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = -float(i);
    w_.set("tokenizer.ggml.model", std::string_view("llama"));
    w_.set_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
    w_.set_array("tokenizer.ggml.scores", std::span<const float>(scores));
    w_.set_array("tokenizer.ggml.token_type", std::span<const int32_t>(types));
    w_.set("tokenizer.ggml.bos_token_id", 1u);
    w_.set("tokenizer.ggml.eos_token_id", 2u);
  }

  void tensor(const model::TensorSpec& spec, int layer) {
    const std::string base = model::base_name(spec, layer);
    const std::string name = base + std::string(model::suffix_text(spec.suffix));
    std::vector<uint64_t> shape;
    uint64_t n = 1;
    for (int i = 0; i < spec.n_dims(); ++i) {
      shape.push_back(uint64_t(p_.size(spec.shape[size_t(i)], layer)));
      n *= shape.back();
    }
    if (spec.is_vector()) {
      numbers(name, shape, spec.role == Role::kSsmA ? -1.0f : 1.0f);
      return;
    }
    const quant::TypeInfo* type = type_of(spec.role, layer);
    // Rows that the type's blocks do not divide are stored with shorter ones, as converters do.
    for (const char* other : {"Q8_0", "F16"})
      if (shape[0] % uint64_t(type->block_len) != 0) type = quant::find_type(other);
    w_.add_tensor({name, type, shape}, random_blocks(*type, type->row_bytes(int64_t(n)), ++seed_));
    const bool of_qkv =
        spec.role == Role::kAttnQ || spec.role == Role::kAttnK || spec.role == Role::kAttnV;
    if (of_qkv && std::string_view(s_.arch) == "qwen2") numbers(base + ".bias", {shape[1]}, 1);
  }

  void numbers(const std::string& name, const std::vector<uint64_t>& shape, float value) {
    uint64_t n = 1;
    for (const uint64_t size : shape) n *= size;
    w_.add_tensor({name, quant::find_type("F32"), shape},
                  [n, value](const format::ByteSink& sink) {
                    const std::vector<float> values(size_t(n), value);
                    return sink(std::as_bytes(std::span(values)));
                  });
  }

  const Shape& s_;
  const Mixture* mixture_;
  const quant::TypeInfo* base_;
  const quant::TypeInfo* better_;
  GgufWriter w_;
  model::HyperParams p_;
  uint64_t seed_ = 0;
};

int usage() {
  std::fprintf(stderr, "usage: make_model OUT.gguf [SHAPE] [TYPE]\n  shapes:");
  for (const Shape& shape : kShapes) std::fprintf(stderr, " %s", shape.name);
  std::fprintf(stderr, "\n  types:");
  for (const Mixture& mixture : kMixtures)
    std::fprintf(stderr, " %s", std::string(mixture.name).c_str());
  for (const quant::TypeInfo& type : quant::all_types())
    std::fprintf(stderr, " %s", std::string(type.name).c_str());
  std::fprintf(stderr, "\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) return usage();
  const std::string wanted = argc > 2 ? argv[2] : "tinyllama-1.1b";
  const std::string type = argc > 3 ? argv[3] : "Q4_K_M";
  if (find_mixture(type) == nullptr && quant::find_type(type) == nullptr) return usage();
  for (const Shape& shape : kShapes) {
    if (wanted != shape.name) continue;
    const Result<void> written = Maker(shape, type).write(argv[1]);
    if (written) return 0;
    std::fprintf(stderr, "make_model: %s\n", written.error().message.c_str());
    return 1;
  }
  return usage();
}
