// make_model: writes a GGUF file with the shapes of a real model and random weights of any type,
// for benchmarks.
//
//   make_model OUT.gguf [SHAPE] [TYPE]
//
// SHAPE is one of kShapes below (default: tinyllama-1.1b), TYPE a tensor type or one of the
// mixtures of types in kMixtures (default: Q4_K_M).
//
// The weights mean nothing: speed and memory depend on shapes and types alone. Every matrix is
// filled with blocks from a pool of encoded gaussian numbers (encoding a billion numbers would take
// minutes).
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "format/gguf_writer.h"

namespace {

using namespace hearth;
using format::GgufWriter;

struct Shape {
  const char* name;
  const char* arch;
  int n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_vocab, n_ctx;
  float rope_base;
  bool tied;
  int n_experts = 0;
  // Gated delta rule in all but every fourth layer: heads of 128 values, of K and of V.
  int n_delta_k = 0;
  int n_delta_v = 0;
  int n_rot = 0;  // 0: head_dim
};

// Sizes: the models' published configurations (briefs models-and-formats 2.8).
constexpr Shape kShapes[] = {
    {"tinyllama-1.1b", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 2048, 10000, false},
    {"llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000, true},
    {"llama-3.2-3b", "llama", 28, 3072, 8192, 24, 8, 128, 128256, 131072, 500000, true},
    {"llama-3.1-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 131072, 500000, false},
    {"qwen2.5-1.5b", "qwen2", 28, 1536, 8960, 12, 2, 128, 151936, 32768, 1000000, true},
    {"qwen2.5-7b", "qwen2", 28, 3584, 18944, 28, 4, 128, 152064, 131072, 1000000, false},
    {"qwen3.5-0.8b", "qwen35", 24, 1024, 3584, 8, 2, 256, 248320, 262144, 10000000, true, 0, 16, 16,
     64},
    // Mixtral's way of choosing 2 of 8 experts, in a size that fits beside other work.
    {"mixtral-tiny", "llama", 8, 2048, 3584, 32, 8, 64, 32000, 4096, 1000000, false, 8},
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
    // An embedding that is the head as well is stored like a head.
    matrix("token_embd.weight", s_.tied ? better_ : base_, {s_.n_embd, s_.n_vocab});
    vector("output_norm.weight", s_.n_embd);
    if (!s_.tied) matrix("output.weight", better_, {s_.n_embd, s_.n_vocab});
    for (int i = 0; i < s_.n_layers; ++i) layer(i);
    HEARTH_TRY(w_.write(path, {}));
    return {};
  }

 private:
  static constexpr int kDeltaHead = 128;

  const quant::TypeInfo* maybe_better(int i) const {
    const int eighth = s_.n_layers / 8;
    return i < eighth || i >= 7 * s_.n_layers / 8 || (i - eighth) % 3 == 2 ? better_ : base_;
  }

  void set(const char* key, uint32_t value) { w_.set(std::string(s_.arch) + "." + key, value); }
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
    set("rope.dimension_count", uint32_t(s_.n_rot > 0 ? s_.n_rot : s_.head_dim));
    set("rope.freq_base", s_.rope_base);
    set("vocab_size", uint32_t(s_.n_vocab));
    if (s_.n_experts > 0) {
      set("expert_count", uint32_t(s_.n_experts));
      set("expert_used_count", 2u);
    }
    if (s_.n_delta_v > 0) {
      set("ssm.conv_kernel", 4u);
      set("ssm.inner_size", uint32_t(s_.n_delta_v * kDeltaHead));
      set("ssm.state_size", uint32_t(kDeltaHead));
      set("ssm.time_step_rank", uint32_t(s_.n_delta_v));
      set("ssm.group_count", uint32_t(s_.n_delta_k));
      set("full_attention_interval", 4u);
    }
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

  void matrix(const std::string& name, const quant::TypeInfo* type, std::vector<int> shape) {
    // Rows that the type's blocks do not divide are stored as F16, as converters do.
    if (shape[0] % type->block_len != 0) type = quant::find_type("F16");
    uint64_t n = 1;
    format::NewTensor tensor{name, type, {}};
    for (const int d : shape) {
      tensor.shape.push_back(uint64_t(d));
      n *= uint64_t(d);
    }
    w_.add_tensor(tensor, random_blocks(*type, type->row_bytes(int64_t(n)), ++seed_));
  }

  void vector(const std::string& name, int n, float value = 1) {
    w_.add_tensor({name, quant::find_type("F32"), {uint64_t(n)}},
                  [n, value](const format::ByteSink& sink) {
                    const std::vector<float> values(size_t(n), value);
                    return sink(std::as_bytes(std::span(values)));
                  });
  }

  void delta_net(const std::string& p) {
    const int keys = s_.n_delta_k * kDeltaHead;
    const int inner = s_.n_delta_v * kDeltaHead;
    const quant::TypeInfo* f32 = quant::find_type("F32");
    matrix(p + "attn_qkv.weight", base_, {s_.n_embd, 2 * keys + inner});
    matrix(p + "attn_gate.weight", base_, {s_.n_embd, inner});
    matrix(p + "ssm_conv1d.weight", f32, {4, 2 * keys + inner});
    matrix(p + "ssm_beta.weight", base_, {s_.n_embd, s_.n_delta_v});
    matrix(p + "ssm_alpha.weight", base_, {s_.n_embd, s_.n_delta_v});
    vector(p + "ssm_a", s_.n_delta_v, -1);
    vector(p + "ssm_dt.bias", s_.n_delta_v);
    vector(p + "ssm_norm.weight", kDeltaHead);
    matrix(p + "ssm_out.weight", base_, {inner, s_.n_embd});
  }

  void attention(const std::string& p, int i) {
    const int q = s_.n_heads * s_.head_dim;
    const int kv = s_.n_kv_heads * s_.head_dim;
    const bool gated = s_.n_delta_v > 0;  // Qwen 3.5
    matrix(p + "attn_q.weight", base_, {s_.n_embd, gated ? 2 * q : q});
    matrix(p + "attn_k.weight", base_, {s_.n_embd, kv});
    matrix(p + "attn_v.weight", maybe_better(i), {s_.n_embd, kv});
    matrix(p + "attn_output.weight", base_, {q, s_.n_embd});
    if (gated) {
      vector(p + "attn_q_norm.weight", s_.head_dim);
      vector(p + "attn_k_norm.weight", s_.head_dim);
    }
    if (std::string_view(s_.arch) != "qwen2") return;
    vector(p + "attn_q.bias", q);
    vector(p + "attn_k.bias", kv);
    vector(p + "attn_v.bias", kv);
  }

  void layer(int i) {
    const std::string p = "blk." + std::to_string(i) + ".";
    vector(p + "attn_norm.weight", s_.n_embd);
    if (s_.n_delta_v > 0 && i % 4 != 3)
      delta_net(p);
    else
      attention(p, i);
    vector(p + (s_.n_delta_v > 0 ? "post_attention_norm.weight" : "ffn_norm.weight"), s_.n_embd);
    if (s_.n_experts > 0) {
      matrix(p + "ffn_gate_inp.weight", quant::find_type("F32"), {s_.n_embd, s_.n_experts});
      matrix(p + "ffn_gate_exps.weight", base_, {s_.n_embd, s_.n_ff, s_.n_experts});
      matrix(p + "ffn_up_exps.weight", base_, {s_.n_embd, s_.n_ff, s_.n_experts});
      matrix(p + "ffn_down_exps.weight", maybe_better(i), {s_.n_ff, s_.n_embd, s_.n_experts});
      return;
    }
    matrix(p + "ffn_gate.weight", base_, {s_.n_embd, s_.n_ff});
    matrix(p + "ffn_up.weight", base_, {s_.n_embd, s_.n_ff});
    matrix(p + "ffn_down.weight", maybe_better(i), {s_.n_ff, s_.n_embd});
  }

  const Shape& s_;
  const Mixture* mixture_;
  const quant::TypeInfo* base_;
  const quant::TypeInfo* better_;
  GgufWriter w_;
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
