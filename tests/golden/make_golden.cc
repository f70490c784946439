// make_golden: writes the tiny models of tests/golden/data, whose logits the reference
// implementation computed once (data/README.md). Run it only to add a model: what is there has its
// logits beside it.
//
//   make_golden FOLDER      FOLDER/<name>/model.gguf for every model of the list below
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>

#include "model/tiny_model.h"

namespace {

using namespace hearth;
using model::Role;
using model::TinyModel;
using model::TinyOptions;

struct Golden {
  const char* name;
  const char* arch;
  TinyOptions options;
  std::function<void(TinyModel&)> keys;  // beyond those of TinyOptions
};

std::vector<Golden> goldens() {
  return {
      {"llama", "llama", {.optional = {Role::kOutput, Role::kRopeFreqs}}, {}},
      {"mixtral", "llama", {.n_experts = 4, .optional = {Role::kOutput}}, {}},
      {"qwen2",
       "qwen2",
       {.head_dim = 8, .biases = true, .optional = {}},
       [](TinyModel& m) {
         m.set("rope.scaling.type", std::string_view("yarn"));
         m.set("rope.scaling.factor", 4.0f);
         m.set("rope.scaling.original_context_length", uint32_t{64});
         // Released models have these three biases, and the reference takes no others.
         std::erase_if(m.tensors, [](const model::TinyTensor& t) {
           return t.name.ends_with(".bias") && !t.name.ends_with("attn_q.bias") &&
                  !t.name.ends_with("attn_k.bias") && !t.name.ends_with("attn_v.bias");
         });
       }},
      {"qwen3", "qwen3", {}, {}},
      {"phi3",
       "phi3",
       {.head_dim = 8, .n_rot = 6, .optional = {Role::kOutput, Role::kRopeLong, Role::kRopeShort}},
       [](TinyModel& m) {
         m.set("rope.scaling.type", std::string_view("longrope"));
         m.set("rope.scaling.original_context_length", uint32_t{64});
         m.set("rope.scaling.attn_factor", 1.19f);
       }},
      {"gemma2", "gemma2", {.n_layers = 3, .window = 5, .optional = {}}, {}},
      {"qwen3moe",
       "qwen3moe",
       {},
       [](TinyModel& m) { m.set("expert_feed_forward_length", uint32_t{32}); }},
      {"deepseek2",
       "deepseek2",
       {},
       [](TinyModel& m) {
         m.set("attention.q_lora_rank", uint32_t{0});  // as DeepSeek V2 Lite
         m.set("expert_feed_forward_length", uint32_t{32});
       }},
      {"qwen35",
       "qwen35",
       {.n_layers = 4},
       [](TinyModel& m) {
         const uint32_t sections[] = {3, 3, 2, 0};
         m.metadata.set_array(m.prefix + "rope.dimension_sections",
                              std::span<const uint32_t>(sections));
       }},
      {"lfm2", "lfm2", {.head_dim = 8}, {}},
      {"eurobert",
       "eurobert",
       {.head_dim = 8},
       [](TinyModel& m) { m.set("pooling_type", uint32_t{1}); }},
      {"neo-bert",
       "neo-bert",
       {.head_dim = 8},
       [](TinyModel& m) { m.set("pooling_type", uint32_t{2}); }},
      {"llama-embed",
       "llama-embed",
       {.head_dim = 8},
       [](TinyModel& m) {
         m.set("pooling_type", uint32_t{3});
         m.set("attention.causal", false);  // without it the reference looks back only
       }},
  };
}

bool write(const std::filesystem::path& folder, Golden& golden) {
  TinyOptions& o = golden.options;
  o.arch = model::find_arch(golden.arch);
  o.n_embd = 32;
  o.n_heads = 4;
  o.n_kv_heads = 2;
  o.n_ff = 32;
  o.n_vocab = 64;
  o.n_ctx = 256;
  o.seed = 20261121;
  auto tiny = model::make_tiny_model(o);
  if (!tiny) return false;
  tiny->metadata.set("tokenizer.ggml.model", std::string_view("no_vocab"));
  if (golden.keys) golden.keys(*tiny);
  const auto bytes = tiny->to_bytes();
  if (!bytes) return false;
  std::filesystem::create_directories(folder / golden.name);
  std::ofstream out(folder / golden.name / "model.gguf", std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes->data()), std::streamsize(bytes->size()));
  return out.good();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_golden FOLDER\n");
    return 2;
  }
  for (Golden& golden : goldens())
    if (!write(argv[1], golden)) {
      std::fprintf(stderr, "make_golden: cannot make %s\n", golden.name);
      return 1;
    }
  return 0;
}
