// Model::load: every tensor is checked by name and shape; what the file leaves out and adds;
// memory.
#include <gtest/gtest.h>

#include "model/graph_builder.h"
#include "model/reference_test.h"

namespace hearth::model::test {
namespace {

// All variants of all architectures.
std::vector<std::pair<std::string, TinyOptions>> everything() {
  std::vector<std::pair<std::string, TinyOptions>> all;
  for (const ArchSpec* arch : all_archs())
    for (auto& variant : variants(*arch)) all.push_back(std::move(variant));
  return all;
}

// The spec's entry for a tensor of a file.
const TensorSpec* spec_of(const ArchSpec& arch, const std::string& tensor) {
  for (const TensorSpec& spec : arch.tensors) {
    std::string_view name = tensor;
    if (is_layer_role(spec.role)) name.remove_prefix(std::min(name.size(), name.find('.', 4) + 1));
    if (name == std::string(spec.name) + std::string(suffix_text(spec.suffix))) return &spec;
  }
  return nullptr;
}

TEST(Load, EveryTensorOfTheListIsNeeded) {
  for (const auto& [name, options] : everything()) {
    const TinyModel tiny = make_tiny_model(options).value();
    for (size_t i = 0; i < tiny.tensors.size(); ++i) {
      const std::string tensor = tiny.tensors[i].name;
      TinyModel without = tiny;
      without.tensors.erase(without.tensors.begin() + int64_t(i));
      const auto open = test::open(without);
      const TensorSpec* spec = spec_of(*options.arch, tensor);
      // Of optional ones the architecture may want some together: its own check().
      if (spec != nullptr && std::ranges::count(options.arch->tiny_optional, spec->role) > 0)
        continue;
      const bool may_lack =
          spec == nullptr || spec->presence == Presence::kOptional;  // no spec: a bias
      EXPECT_EQ(open.has_value(), may_lack) << name << ": " << tensor;
      if (open) continue;
      EXPECT_EQ(open.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(open.error().message.find("'" + tensor + "' is missing"), std::string::npos)
          << open.error().message;
      EXPECT_FALSE(open.error().hint.empty());
    }
  }
}

TEST(Load, EveryShapeIsChecked) {
  for (const auto& [name, options] : everything()) {
    const TinyModel tiny = make_tiny_model(options).value();
    for (size_t i = 0; i < tiny.tensors.size(); ++i)
      for (size_t dim = 0; dim <= tiny.tensors[i].shape.size(); ++dim) {
        TinyModel changed = tiny;
        TinyTensor& t = changed.tensors[i];
        // One size changed, or one dimension more.
        if (dim < t.shape.size())
          t.shape[dim] += 1;
        else
          t.shape.push_back(2);
        uint64_t n = 1;
        for (const uint64_t size : t.shape) n *= size;
        t.data.resize(t.type->row_bytes(int64_t(n)));
        const auto open = test::open(changed);
        ASSERT_FALSE(open.has_value()) << name << ": " << t.name << " dimension " << dim;
        EXPECT_EQ(open.error().code, ErrorCode::kCorrupt);
        EXPECT_NE(open.error().message.find("'" + t.name + "'"), std::string::npos)
            << open.error().message;
        EXPECT_FALSE(open.error().hint.empty());
      }
  }
}

TEST(Load, AShapeErrorShowsBothShapes) {
  TinyModel tiny = make_tiny_model({.arch = find_arch("llama")}).value();
  TinyTensor* t = tiny.find("blk.1.ffn_up.weight");
  ASSERT_NE(t, nullptr);
  t->shape = {96, 64};  // the other way round, as a careless converter does
  const auto open = test::open(tiny);
  ASSERT_FALSE(open.has_value());
  EXPECT_NE(open.error().message.find("[96 x 64]"), std::string::npos) << open.error().message;
  EXPECT_NE(open.error().message.find("[64 x 96]"), std::string::npos) << open.error().message;
}

// Reading a file and writing what was read gives the same model.
TEST(Load, SaveAndLoadIsTheSameModel) {
  for (const auto& [name, options] : everything()) {
    const auto open = test::open(options);
    ASSERT_TRUE(open.has_value()) << name;
    format::GgufWriter writer;
    writer.copy_all(open->file->metadata());
    for (const format::TensorInfo& info : open->file->tensors())
      writer.add_tensor({std::string(info.name),
                         info.type,
                         {info.shape.begin(), info.shape.begin() + info.n_dims}},
                        info.data);
    EXPECT_EQ(writer.to_bytes({}).value(), open->bytes) << name;
  }
}

// The weights mean the same wherever the file lies in memory, and with any alignment of its
// tensors.
TEST(Load, UnalignedFilesAreCopied) {
  for (const char* type : {"F32", "F16", "Q6_K", "MXFP4"}) {
    TinyOptions options{
        .arch = find_arch("llama"), .n_embd = 256, .n_heads = 4, .head_dim = 64, .n_ff = 256};
    options.type = quant::find_type(type);
    const auto open = test::open(options);
    ASSERT_TRUE(open.has_value());
    EXPECT_LT(open->arena->total_bytes(), (size_t{1} << 20) + 4096);  // vectors only
    const std::vector<int32_t> ids = some_ids(5, options.n_vocab);
    const std::vector<float> logits = Runner(*open->model).logits(ids, 5);
    for (const size_t shift : {1, 2, 4}) {
      std::vector<std::byte> moved(open->bytes.size() + shift);
      std::memcpy(moved.data() + shift, open->bytes.data(), open->bytes.size());
      const auto file = format::ModelFile::parse(std::span(moved).subspan(shift));
      ASSERT_TRUE(file.has_value()) << file.error().message;
      Arena arena(Arena::Mode::kReal);
      const auto model = Model::load(*file, arena);
      ASSERT_TRUE(model.has_value());
      EXPECT_TRUE(same_bits(Runner(*model).logits(ids, 5), logits))
          << type << " shifted by " << shift;
    }
  }
}

// A measuring arena is told of exactly what a real one allocates.
TEST(Load, ThePlanIsWhatIsTaken) {
  for (const auto& [name, options] : everything())
    for (const int n_batch : {1, 64, 500})
      for (const int n_outputs : {1, 40}) {
        const std::vector<std::byte> bytes = make_tiny_model(options).value().to_bytes().value();
        const auto file = format::ModelFile::parse(bytes);
        ASSERT_TRUE(file.has_value());
        ThreadTeam team({.n_threads = 2, .pin = false});
        const auto backend = backend::make_cpu_backend(
            backend::cpu::select_kernels("scalar", detect_cpu_features()).value(), team);
        std::vector<std::vector<std::pair<std::string, uint64_t>>> rows;
        for (const auto mode : {Arena::Mode::kMeasure, Arena::Mode::kReal}) {
          Arena arena(mode);
          const auto model = Model::load(*file, arena);
          ASSERT_TRUE(model.has_value());
          ASSERT_TRUE(
              Decoder::create(*model, *backend, {512, n_batch, n_outputs}, arena).has_value());
          auto& list = rows.emplace_back();
          for (const Arena::Row& row : arena.rows()) list.emplace_back(row.what, row.size_bytes);
        }
        EXPECT_EQ(rows[0], rows[1]) << name;
        EXPECT_GE(rows[0].size(), 2u) << name;  // OLMo has no vectors
      }
}

// Whatever a step looks like within the limits, its memory is within what was planned: activations
// have no guard, so the sizes themselves are compared.
TEST(Load, NoStepNeedsMoreThanThePlan) {
  for (const auto& [name, options] : everything()) {
    const auto open = test::open(options);
    ASSERT_TRUE(open.has_value());
    const Ropes ropes{make_rope(open->model->params().rope, {}),
                      make_rope(open->model->params().window_rope, {})};
    ThreadTeam team({.n_threads = 2, .pin = false});
    const auto backend = backend::make_cpu_backend(
        backend::cpu::select_kernels("scalar", detect_cpu_features()).value(), team);
    Arena plan(Arena::Mode::kMeasure);
    const DecoderLimits limits{30, 40, 7};  // the cache has whole chunks: 256 positions
    ASSERT_TRUE(Decoder::create(*open->model, *backend, limits, plan).has_value());
    uint64_t activations = 0;
    uint64_t scratch = 0;
    for (const Arena::Row& row : plan.rows()) {
      if (row.what == "activations") activations = row.size_bytes;
      if (row.what == "scratch") scratch = row.size_bytes;
    }
    tensor::Graph graph;
    for (int n_tokens = 1; n_tokens <= limits.n_batch; ++n_tokens)
      for (int n_outputs = 0; n_outputs <= std::min(n_tokens, limits.n_outputs); ++n_outputs)
        for (const LayerRange range : {LayerRange{}, LayerRange{0, 1}, LayerRange{1, 2},
                                       LayerRange{1, -1}, LayerRange{.states = true}}) {
          build_graph(*open->model, ropes, range, n_tokens, n_outputs, graph);
          ASSERT_LE(graph.activation_bytes(), activations) << name << ", " << n_tokens << " tokens";
          ASSERT_LE(backend->scratch_bytes(graph, tensor::kKvChunk), scratch)
              << name << ", " << n_tokens << " tokens";
        }
  }
}

TEST(Load, CountsOfBytesAndMultiplications) {
  const auto dense = test::open(TinyOptions{.arch = find_arch("llama")});
  ASSERT_TRUE(dense.has_value());
  // Per layer: q and output 64 x 64, k and v 64 x 32, three of 64 x 96; the head 64 x 96.
  const uint64_t layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96;
  EXPECT_EQ(dense->model->macs_per_token(false), 2 * layer);
  EXPECT_EQ(dense->model->macs_per_token(true), 2 * layer + 64 * 96);
  EXPECT_EQ(dense->model->bytes_per_token(), 4 * (2 * layer + 64 * 96 + 64));
  const auto experts =
      test::open(TinyOptions{.arch = find_arch("llama"), .n_experts = 8, .n_experts_used = 3});
  ASSERT_TRUE(experts.has_value());
  const uint64_t moe_layer = 2 * 64 * 64 + 2 * 64 * 32 + 64 * 8 + 3 * (3 * 64 * 96);
  EXPECT_EQ(experts->model->macs_per_token(false), 2 * moe_layer);
  // The tokens of a step share matrices, but each has its row of the embedding.
  EXPECT_DOUBLE_EQ(dense->model->bytes_per_step(5), 4 * (2 * layer + 64 * 96 + 5 * 64));
  // Of the 8 experts one token uses 3, two use 8 * (1 - (5/8)^2) = 4.875 on average, many all.
  const auto expert_bytes = [&](double chosen) {
    return 4.0 * 2 * (double(moe_layer) + (chosen - 3) * (3 * 64 * 96));
  };
  const auto rest = [](double n_tokens) { return 4 * (64 * 96 + n_tokens * 64); };
  for (const auto& [n_tokens, chosen] : {std::pair{1.0, 3.0}, {2.0, 4.875}, {1000.0, 8.0}})
    EXPECT_NEAR(experts->model->bytes_per_step(int64_t(n_tokens)),
                expert_bytes(chosen) + rest(n_tokens), 1);
}

TEST(Load, TheHeadIsTiedWhereThereIsNone) {
  const auto tied = test::open(TinyOptions{.arch = find_arch("llama"), .optional = {}});
  ASSERT_TRUE(tied.has_value());
  EXPECT_EQ(&tied->model->head(), &tied->model->weight(Role::kTokenEmbd));
  // A file that stores the embedding twice means the same.
  TinyModel twice = make_tiny_model({.arch = find_arch("llama"), .optional = {}}).value();
  TinyTensor copy = *twice.find("token_embd.weight");
  copy.name = "output.weight";
  twice.tensors.push_back(copy);
  const auto untied = test::open(twice);
  ASSERT_TRUE(untied.has_value());
  EXPECT_EQ(&untied->model->head(), &untied->model->weight(Role::kOutput));
  const std::vector<int32_t> ids = some_ids(6, 96);
  EXPECT_TRUE(
      same_bits(Runner(*tied->model).logits(ids, 6), Runner(*untied->model).logits(ids, 6)));
}

TEST(Load, UnusedTensorsAreNamed) {
  TinyModel tiny = make_tiny_model({.arch = find_arch("qwen3")}).value();
  EXPECT_TRUE(test::open(tiny)->model->warnings().empty());
  tiny.tensors.push_back(*tiny.find("output_norm.weight"));
  tiny.tensors.back().name = "blk.0.attn_sinks.weight";
  const auto open = test::open(tiny);
  ASSERT_TRUE(open.has_value());
  ASSERT_EQ(open->model->warnings().size(), 1u);
  EXPECT_NE(open->model->warnings()[0].find("blk.0.attn_sinks.weight"), std::string::npos);
}

TEST(Load, AnUnknownArchitectureSaysWhatIsMissing) {
  TinyModel tiny = make_tiny_model({.arch = find_arch("qwen3moe")}).value();
  tiny.metadata.set("general.architecture", std::string_view("qwen9"));
  const auto known = test::open(tiny);
  ASSERT_FALSE(known.has_value());
  EXPECT_EQ(known.error().code, ErrorCode::kUnsupported);
  for (const char* part : {"'qwen9' is not known", "'qwen3moe' (Qwen 3 MoE", "all of its tensors"})
    EXPECT_NE(known.error().message.find(part), std::string::npos) << known.error().message;
  tiny.tensors.push_back(*tiny.find("output_norm.weight"));
  tiny.tensors.back().name = "blk.1.indexer.k_norm.weight";
  const auto more = test::open(tiny);
  ASSERT_FALSE(more.has_value());
  for (const char* part : {"'qwen3moe'", "does not know its tensors blk.*.indexer.k_norm"})
    EXPECT_NE(more.error().message.find(part), std::string::npos) << more.error().message;
}

TEST(Load, ScalesOfTheWrongLength) {
  for (const std::vector<uint64_t>& shape : {std::vector<uint64_t>{2}, {1, 1, 3}, {64}}) {
    TinyModel tiny = make_tiny_model({.arch = find_arch("llama")}).value();
    uint64_t n = 1;
    for (const uint64_t size : shape) n *= size;
    tiny.tensors.push_back(
        {"blk.0.attn_q.scale", quant::find_type("F32"), shape, std::vector<std::byte>(n * 4)});
    const auto open = test::open(tiny);
    ASSERT_FALSE(open.has_value()) << n;
    EXPECT_NE(open.error().message.find("blk.0.attn_q.scale"), std::string::npos);
  }
}

// LongRoPE: the long factors hold for contexts beyond the trained one, the short ones within it.
TEST(Load, LongRopeChoosesByTheContext) {
  TinyOptions options{.arch = find_arch("phi3"),
                      .optional = {Role::kOutput, Role::kRopeLong, Role::kRopeShort}};
  TinyModel tiny = make_tiny_model(options).value();
  tiny.set("rope.scaling.type", std::string_view("longrope"));
  tiny.set("rope.scaling.original_context_length", uint32_t{128});
  tiny.set("rope.scaling.attn_factor", 1.2f);
  const auto open = test::open(tiny);
  ASSERT_TRUE(open.has_value()) << open.error().message;
  const Model& model = *open->model;
  const std::vector<int32_t> ids = some_ids(12, options.n_vocab);
  for (const int64_t n_ctx : {64, 128, 129, 400}) {
    const Role role = n_ctx > 128 ? Role::kRopeLong : Role::kRopeShort;
    const RopeConfig rope = make_rope(model.params().rope, {model.vector(role), 8});
    const Row expected = reference_logits(model, rope, ids);
    EXPECT_LE(nmse(Runner(model, {.n_ctx = n_ctx}).logits(ids, 12), expected), 1e-10) << n_ctx;
  }
}

TEST(Load, Llama3FactorsAlwaysHold) {
  const auto open = test::open(
      TinyOptions{.arch = find_arch("llama"), .optional = {Role::kOutput, Role::kRopeFreqs}});
  ASSERT_TRUE(open.has_value());
  const Model& model = *open->model;
  const std::vector<int32_t> ids = some_ids(12, 96);
  const RopeConfig rope = make_rope(model.params().rope, {model.vector(Role::kRopeFreqs), 8});
  EXPECT_LE(nmse(Runner(model).logits(ids, 12), reference_logits(model, rope, ids)), 1e-10);
  EXPECT_GT(nmse(Runner(model).logits(ids, 12),
                 reference_logits(model, make_rope(model.params().rope, {}), ids)),
            1e-4);
}

TEST(TinyModel, SameBytesEverywhere) {
  const auto bytes = make_tiny_model({.arch = find_arch("llama")}).value().to_bytes().value();
  EXPECT_EQ(bytes, make_tiny_model({.arch = find_arch("llama")}).value().to_bytes().value());
  EXPECT_NE(bytes,
            make_tiny_model({.arch = find_arch("llama"), .seed = 2}).value().to_bytes().value());
  // The numbers themselves, so that another machine or compiler cannot differ in silence.
  const std::vector<float> x = tiny_normals("blk.0.attn_q.weight", 1, 3);
  EXPECT_FLOAT_EQ(x[0], 0.567193f);
  EXPECT_FLOAT_EQ(x[1], -0.0399342f);
  EXPECT_FLOAT_EQ(x[2], 0.404443f);
}

TEST(TinyModel, NumbersAreNormal) {
  const std::vector<float> x = tiny_normals("x", 3, 100000);
  double sum = 0;
  double squares = 0;
  for (const float value : x) sum += double(value), squares += double(value) * double(value);
  EXPECT_NEAR(sum / 1e5, 0, 0.02);
  EXPECT_NEAR(squares / 1e5, 1, 0.02);
  EXPECT_NE(tiny_normals("x", 3, 4), tiny_normals("y", 3, 4));
}

// Sizes of recurrent layers that are impossible, or that the tensors do not have.
TEST(Load, ImpossibleRecurrentLayers) {
  for (const ArchSpec* arch : all_archs())
    for (const TinyKey& key : arch->tiny_keys) {
      const std::string_view kind = key.key.substr(0, key.key.find('.'));
      if (kind != "ssm" && kind != "shortconv" && kind != "wkv" && kind != "kda") continue;
      for (const uint32_t value : {0u, 1u, 7u, 1000u, 1u << 24, 0xffffffffu}) {
        if (kind == "wkv" && value == 1) continue;  // no tensor tells the size of heads
        TinyModel tiny = make_tiny_model({.arch = arch}).value();
        tiny.set(key.key, value);
        const auto open = test::open(tiny);
        ASSERT_FALSE(open.has_value()) << arch->name << " " << key.key << " = " << value;
        EXPECT_EQ(open.error().code, ErrorCode::kCorrupt);
      }
    }
}

// Qwen 3 Next in files of 2025: q, k, v and z of the delta rule in one matrix, K head by K head.
TEST(Load, DeltaNetsOfOneMatrixAreThoseOfTwo) {
  const TinyOptions options{.arch = find_arch("qwen3next")};
  TinyModel tiny = make_tiny_model(options).value();
  const auto open_two = test::open(tiny);
  ASSERT_TRUE(open_two.has_value()) << open_two.error().message;
  const std::vector<int32_t> ids = some_ids(12, options.n_vocab);
  const std::vector<float> logits = Runner(*open_two->model).logits(ids, 12);

  const SsmParams& ssm = open_two->model->params().ssm;
  const TinyTensor qkv = *tiny.find("blk.0.attn_qkv.weight");
  const TinyTensor z = *tiny.find("blk.0.attn_gate.weight");
  TinyTensor one{"blk.0.ssm_in.weight", qkv.type, {qkv.shape[0], uint64_t(ssm.in_rows)}, {}};
  const size_t row_bytes = qkv.data.size() / qkv.shape[1];
  const auto take = [&](const TinyTensor& from, int row, int n) {
    const auto at = from.data.begin() + int64_t(row) * int64_t(row_bytes);
    one.data.insert(one.data.end(), at, at + int64_t(n) * int64_t(row_bytes));
  };
  const int values = ssm.inner / ssm.groups;
  for (int head = 0; head < ssm.groups; ++head) {
    take(qkv, head * ssm.state, ssm.state);
    take(qkv, (ssm.groups + head) * ssm.state, ssm.state);
    take(qkv, 2 * ssm.groups * ssm.state + head * values, values);
    take(z, head * values, values);
  }
  std::erase_if(tiny.tensors, [](const TinyTensor& t) {
    return t.name == "blk.0.attn_qkv.weight" || t.name == "blk.0.attn_gate.weight";
  });
  const auto neither = test::open(tiny);
  ASSERT_FALSE(neither.has_value());
  EXPECT_NE(neither.error().message.find("blk.0.attn_qkv.weight"), std::string::npos);
  tiny.tensors.push_back(std::move(one));
  const auto open_one = test::open(tiny);
  ASSERT_TRUE(open_one.has_value()) << open_one.error().message;
  EXPECT_TRUE(same_bits(Runner(*open_one->model).logits(ids, 12), logits));
}

// Experts with gate and up in one matrix, gate first.
TEST(Load, ExpertsOfOneMatrixAreThoseOfTwo) {
  const TinyOptions options{.arch = find_arch("qwen35moe")};
  TinyModel tiny = make_tiny_model(options).value();
  const auto open_two = test::open(tiny);
  ASSERT_TRUE(open_two.has_value()) << open_two.error().message;
  const std::vector<int32_t> ids = some_ids(12, options.n_vocab);
  const std::vector<float> logits = Runner(*open_two->model).logits(ids, 12);
  for (const std::string layer : {"blk.0.", "blk.1."}) {
    const TinyTensor gate = *tiny.find(layer + "ffn_gate_exps.weight");
    const TinyTensor up = *tiny.find(layer + "ffn_up_exps.weight");
    TinyTensor both{layer + "ffn_gate_up_exps.weight",
                    gate.type,
                    {gate.shape[0], 2 * gate.shape[1], gate.shape[2]},
                    {}};
    const auto n = int64_t(gate.data.size() / gate.shape[2]);  // bytes of one expert
    for (int64_t expert = 0; expert < int64_t(gate.shape[2]); ++expert)
      for (const TinyTensor* half : {&gate, &up}) {
        const auto at = half->data.begin() + expert * n;
        both.data.insert(both.data.end(), at, at + n);
      }
    std::erase_if(tiny.tensors,
                  [&](const TinyTensor& t) { return t.name == gate.name || t.name == up.name; });
    tiny.tensors.push_back(std::move(both));
  }
  const auto open_one = test::open(tiny);
  ASSERT_TRUE(open_one.has_value()) << open_one.error().message;
  EXPECT_TRUE(same_bits(Runner(*open_one->model).logits(ids, 12), logits));
}

// Nemotron 3 whose experts work on a narrower row: with matrices that widen by nothing, that is the
// model without them.
TEST(Load, LatentExperts) {
  const TinyOptions options{.arch = find_arch("nemotron_h_moe")};
  TinyModel tiny = make_tiny_model(options).value();
  const std::vector<int32_t> ids = some_ids(12, options.n_vocab);
  const auto plain = test::open(tiny);
  ASSERT_TRUE(plain.has_value()) << plain.error().message;
  const std::vector<float> logits = Runner(*plain->model).logits(ids, 12);
  const auto d = size_t(options.n_embd);
  std::vector<float> unit(d * d);
  for (size_t i = 0; i < d; ++i) unit[i * d + i] = 1;
  const auto bytes = std::as_bytes(std::span(unit));
  for (const char* name : {"blk.1.ffn_latent_down.weight", "blk.1.ffn_latent_up.weight"})
    tiny.tensors.push_back({name, quant::find_type("F32"), {d, d}, {bytes.begin(), bytes.end()}});
  const auto latent = test::open(tiny);
  ASSERT_TRUE(latent.has_value()) << latent.error().message;
  const std::vector<float> same = Runner(*latent->model).logits(ids, 12);
  ASSERT_EQ(same.size(), logits.size());
  for (size_t i = 0; i < same.size(); ++i) ASSERT_NEAR(same[i], logits[i], 1e-4);
}

}  // namespace
}  // namespace hearth::model::test
