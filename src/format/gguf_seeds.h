// Small GGUF files that between them use every part of the format. The unit tests cut and flip
// their bytes; the fuzzer starts from them. Not used by the program.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "format/gguf_writer.h"
#include "quant/list.h"

namespace hearth::format {

struct Seed {
  std::string name;
  std::vector<std::byte> bytes;
};

// One value of each type, and one array of each type that can be in an array.
inline void set_every_value_type(GgufWriter& writer) {
  const auto both = [&]<class T>(const char* name, T low, T high) {
    const T values[] = {low, high, low};
    writer.set(fmt::format("scalar.{}", name), high);
    writer.set_array(fmt::format("array.{}", name), std::span<const T>(values));
  };
  both("u8", uint8_t{0}, uint8_t{255});
  both("i8", int8_t{-128}, int8_t{127});
  both("u16", uint16_t{1}, uint16_t{65535});
  both("i16", int16_t{-32768}, int16_t{32767});
  both("u32", uint32_t{1}, uint32_t{4294967295});
  both("i32", int32_t{-2147483648}, int32_t{2147483647});
  both("f32", -1.5f, 3.25f);
  both("bool", false, true);
  both("u64", uint64_t{1}, ~uint64_t{0});
  both("i64", int64_t{-1} << 62, int64_t{1} << 62);
  both("f64", -0.1, 1e300);
  writer.set("scalar.string", "caf\u00e9 \u2581");
  const std::string_view texts[] = {"a", "", "\xff\xfe", "three"};
  writer.set_array("array.string", std::span<const std::string_view>(texts));
  writer.set_array("array.empty", std::span<const int32_t>());
}

// A vocabulary of n tokens, as converters write it.
inline void set_vocabulary(GgufWriter& writer, uint32_t n) {
  std::vector<std::string> tokens;
  for (uint32_t i = 0; i < n; ++i) tokens.push_back(fmt::format("t{}", i));
  writer.set("tokenizer.ggml.model", "llama");
  writer.set_array("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  writer.set_array("tokenizer.ggml.scores", std::span<const float>(std::vector<float>(n, 0.5f)));
  writer.set_array("tokenizer.ggml.token_type",
                   std::span<const int32_t>(std::vector<int32_t>(n, 1)));
  writer.set("tokenizer.ggml.bos_token_id", uint32_t{0});
  writer.set("tokenizer.ggml.eos_token_id", uint32_t{1});
}

inline void set_hyperparameters(GgufWriter& writer) {
  writer.set("general.architecture", "llama");
  writer.set("general.name", "seed");
  writer.set("llama.block_count", uint32_t{2});
  writer.set("llama.context_length", uint32_t{64});
  writer.set("llama.embedding_length", uint32_t{32});
  const int32_t heads[] = {4, 2};
  writer.set("llama.attention.head_count", uint32_t{4});
  writer.set_array("llama.attention.head_count_kv", std::span<const int32_t>(heads));
  writer.set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

// The bytes of a tensor of this type and shape: 1, 2, 3, ...
inline ByteSource counting_bytes(uint64_t n_bytes) {
  return [n_bytes](const ByteSink& sink) -> Result<void> {
    std::vector<std::byte> bytes(n_bytes);
    for (uint64_t i = 0; i < n_bytes; ++i) bytes[i] = std::byte(i + 1);
    return sink(bytes);
  };
}

// `name` of type F32 and `shape`.
inline void add_f32(GgufWriter& writer, const std::string& name, std::vector<uint64_t> shape) {
  uint64_t n = 1;
  for (const uint64_t dim : shape) n *= dim;
  writer.add_tensor({name, quant::find_type("F32"), std::move(shape)},
                    counting_bytes(n * sizeof(float)));
}

inline std::vector<Seed> make_seeds() {
  std::vector<Seed> seeds;
  const auto add = [&](const char* name, const GgufWriter& writer, uint32_t alignment) {
    auto bytes = writer.to_bytes({.alignment = alignment});
    HEARTH_CHECK(bytes.has_value());
    seeds.push_back({name, std::move(*bytes)});
  };
  add("empty", GgufWriter(), 32);

  GgufWriter values;
  set_every_value_type(values);
  add("values", values, 8);

  GgufWriter model;
  set_hyperparameters(model);
  set_vocabulary(model, 8);
  add_f32(model, "token_embd.weight", {32, 8});
  add_f32(model, "blk.0.attn_norm.weight", {32});
  add("model", model, 32);

  GgufWriter types;
  types.set("general.architecture", "llama");
  for (const quant::TypeInfo& type : quant::all_types())
    types.add_tensor({std::string(type.name), &type, {uint64_t(type.block_len), 2, 1, 2}},
                     counting_bytes(4 * type.block_bytes));
  add("types", types, 64);
  return seeds;
}

// One file per seed into `folder`, which is made if absent. False if the disk refuses.
inline bool make_seed_corpus(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (const Seed& seed : make_seeds()) {
    std::ofstream out(folder / (seed.name + ".gguf"), std::ios::binary);
    out.write(reinterpret_cast<const char*>(seed.bytes.data()), std::streamsize(seed.bytes.size()));
    if (!out.good()) return false;
  }
  return true;
}

}  // namespace hearth::format
