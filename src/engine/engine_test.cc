// The engine on tiny models: batches of several sequences, embeddings in place of tokens,
// forgetting, limits.
#include "engine/engine.h"

#include <algorithm>

#include "engine/tiny_engine_test.h"
#include "quant/list.h"

namespace hearth::engine::test {
namespace {

// Logits of a sequence, by how it was fed: alone, or together with others.
struct Turn {
  int sequence;
  size_t n;
};

TEST(Engine, SequencesInOneBatchAreAsAlone) {
  // Each row is one batch. Lengths differ, one sequence rests for a while, one crosses a chunk of
  // the cache (256).
  const std::vector<std::vector<Turn>> batches = {{{0, 5}, {2, 11}, {1, 1}},
                                                  {{1, 1}, {0, 1}, {2, 1}},
                                                  {{2, 250}, {0, 1}},
                                                  {{0, 3}, {1, 7}, {2, 1}},
                                                  {{1, 1}}};
  for (const auto& [name, tiny] : all_models())
    for (const char* kv_type : {"f32", "f16", "q8_0", "q4_0"}) {
      EngineOptions options = tiny_options();
      options.kv_type = kv_type;
      const auto alone = load(tiny, options);
      options.n_sequences = 3;
      options.n_batch = 100;  // steps cut through the long sequence
      const auto together = load(tiny, options);
      // Sparse attention reads single positions, which quantized types do not give.
      const bool sparse = std::ranges::any_of(tiny.arch->tensors, [](const model::TensorSpec& t) {
        return t.role == model::Role::kIndexK;
      });
      if (sparse && kv_type[0] == 'q') {
        ASSERT_FALSE(alone.has_value());
        EXPECT_EQ(alone.error().code, ErrorCode::kInvalidArgument);
        continue;
      }
      ASSERT_TRUE(alone.has_value() && together.has_value()) << name;

      std::vector<std::vector<int32_t>> ids;
      std::vector<std::vector<float>> logits(3);
      for (int s = 0; s < 3; ++s) ids.push_back(some_ids(300, 10 + uint64_t(s)));
      std::vector<BatchToken> batch;
      for (const std::vector<Turn>& turns : batches) {
        batch.clear();
        for (const Turn& turn : turns) {
          const auto at = size_t((*together)->n_positions(turn.sequence));
          for (size_t i = 0; i < turn.n; ++i)
            batch.push_back({.token = ids[size_t(turn.sequence)][at + i],
                             .sequence = turn.sequence,
                             .wants_logits = true});
        }
        const auto rows = (*together)->feed(batch);
        ASSERT_TRUE(rows.has_value()) << rows.error().message;
        const size_t width = size_t((*together)->n_vocab());
        for (size_t i = 0; i < batch.size(); ++i) {
          const auto row = rows->subspan(i * width, width);
          auto& list = logits[size_t(batch[i].sequence)];
          list.insert(list.end(), row.begin(), row.end());
        }
      }
      for (int s = 0; s < 3; ++s) {
        const auto n = size_t((*together)->n_positions(s));
        (*alone)->trim(0, 0);
        EXPECT_TRUE(same_bits(feed(**alone, std::span(ids[size_t(s)]).first(n)), logits[size_t(s)]))
            << name << ", KV " << kv_type << ", sequence " << s;
      }
    }
}

TEST(Engine, ThreadsTypesOfCacheAndIsas) {
  const model::TinyOptions tiny{.arch = model::find_arch("qwen3")};
  const std::vector<int32_t> ids = some_ids(40);
  for (const std::string& isa : all_isas())
    for (const char* kv_type : {"f32", "f16", "bf16", "q8_0", "q4_0"}) {
      std::vector<float> first;
      for (const int n_threads : {1, 2, 3}) {
        EngineOptions options = tiny_options();
        options.isa = isa;
        options.kv_type = kv_type;
        options.threads.generate = n_threads;
        const auto engine = load(tiny, options);
        ASSERT_TRUE(engine.has_value());
        EXPECT_EQ((*engine)->n_threads(), n_threads);
        EXPECT_EQ((*engine)->backend().name(), "cpu/" + isa);
        const std::vector<float> logits = feed(**engine, ids);
        if (first.empty()) first = logits;
        EXPECT_TRUE(same_bits(logits, first))
            << isa << ", KV " << kv_type << ", " << n_threads << " threads";
      }
    }
}

TEST(Engine, SmallerTypesOfCacheAreNearAndNotEqual) {
  const model::TinyOptions tiny{.arch = model::find_arch("llama")};
  const std::vector<int32_t> ids = some_ids(60);
  std::vector<std::vector<float>> logits;
  for (const char* kv_type : {"f32", "f16", "bf16", "q8_0", "q4_0"}) {
    EngineOptions options = tiny_options();
    options.kv_type = kv_type;
    logits.push_back(feed(*load(tiny, options).value(), ids));
  }
  const auto distance = [&](size_t which) {
    double error = 0;
    double power = 0;
    for (size_t i = 0; i < logits[0].size(); ++i) {
      error += std::pow(double(logits[which][i]) - double(logits[0][i]), 2);
      power += std::pow(double(logits[0][i]), 2);
    }
    return error / power;
  };
  EXPECT_GT(distance(1), 0);
  EXPECT_LT(distance(1), 1e-5);
  EXPECT_GT(distance(2), distance(1));  // 8 bits of mantissa against 11
  EXPECT_LT(distance(2), 1e-3);
  EXPECT_GT(distance(3), distance(2));
  EXPECT_LT(distance(3), 2e-3);
  EXPECT_GT(distance(4), 10 * distance(3));
  EXPECT_LT(distance(4), 1e-1);
}

// Kernels choose other code for few columns and for many: none of it may show.
TEST(Engine, EveryNumberOfColumns) {
  for (const char* name : {"F32", "F16", "Q8_0", "Q4_K", "IQ4_XS"}) {
    const quant::TypeInfo* type = quant::find_type(name);
    const int k = std::max(64, type->block_len);
    const model::TinyOptions tiny{.arch = model::find_arch("llama"),
                                  .n_layers = 1,
                                  .n_embd = k,
                                  .n_heads = 4,
                                  .head_dim = k / 4,
                                  .n_ff = k,
                                  .n_vocab = 32,
                                  .type = type};
    const std::vector<int32_t> ids = some_ids(64, 3, 32);
    for (const std::string& isa : all_isas()) {
      EngineOptions options = tiny_options();
      options.isa = isa;
      const auto engine = load(tiny, options);
      ASSERT_TRUE(engine.has_value()) << name;
      const std::vector<float> logits = feed(**engine, ids);
      // Steps of 1, 2, 3, ... columns; fewer of them for the scalar kernels, which are slow.
      const size_t most = isa == "scalar" ? 9 : 63;
      for (size_t n = 1; n <= most; ++n) {
        (*engine)->trim(0, int64_t(64 - n));
        const std::vector<float> rows = feed(**engine, std::span(ids).last(n));
        ASSERT_TRUE(same_bits(rows, std::span(logits).last(rows.size())))
            << name << ", " << isa << ", " << n;
      }
    }
  }
}

// Images and audio come as rows in place of tokens: the row of a token is the token.
TEST(Engine, AnEmbeddingIsAsItsToken) {
  for (const auto& [name, tiny] : all_models()) {
    const auto engine = load(tiny);
    ASSERT_TRUE(engine.has_value()) << name;
    const model::Model& model = (*engine)->model();
    const auto d = size_t(model.params().n_embd);
    const std::vector<int32_t> ids = some_ids(12);
    const std::vector<float> logits = feed(**engine, ids);
    std::vector<std::vector<float>> rows;
    for (const int32_t id : ids) {
      const tensor::Weight& w = model.weight(model::Role::kTokenEmbd);
      rows.emplace_back(d);
      w.type->decode_row(w.data + size_t(id) * w.row_bytes(), int64_t(d), rows.back().data());
      for (float& x : rows.back()) x *= model.params().embed_scale;
    }
    // Gemma 4's layers have embeddings of their own, which a row does not replace.
    if (model.params().layer_embd > 0) continue;
    for (const size_t step : {1, 3, 12}) {  // all rows, and tokens between rows
      (*engine)->trim(0, 0);
      std::vector<BatchToken> batch;
      for (size_t i = 0; i < ids.size(); ++i) {
        const bool as_row = i % step == 0 || step == 12;
        batch.push_back({.token = as_row ? -1 : ids[i],
                         .wants_logits = true,
                         .embedding = as_row ? rows[i].data() : nullptr});
      }
      const auto result = (*engine)->feed(batch);
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_TRUE(same_bits(*result, logits)) << name << ", every " << step;
    }
  }
}

// The cache has whole chunks, so the memory of a step is larger than a small context alone would
// need.
TEST(Engine, SmallContextsAndSmallBatches) {
  const std::vector<int32_t> ids = some_ids(30);
  const model::TinyOptions tiny{.arch = model::find_arch("llama")};
  const std::vector<float> logits = feed(*load(tiny).value(), ids);
  for (const int64_t n_ctx : {30, 100, 256, 257})
    for (const int n_batch : {1, 2, 8, 30})
      for (const int n_threads : {1, 2}) {
        EngineOptions options = tiny_options();
        options.n_ctx = n_ctx;
        options.n_batch = n_batch;
        options.threads.generate = n_threads;
        const auto engine = load(tiny, options);
        ASSERT_TRUE(engine.has_value());
        EXPECT_TRUE(same_bits(feed(**engine, ids), logits)) << n_ctx << ", batch " << n_batch;
        (*engine)->trim(0, 0);
        EXPECT_TRUE(same_bits(feed(**engine, ids, 0, 1), logits)) << n_ctx << ", batch " << n_batch;
      }
}

TEST(Engine, TrimAndContinueIsAsFresh) {
  for (const auto& [name, tiny] : all_models()) {
    const auto engine = load(tiny);
    ASSERT_TRUE(engine.has_value()) << name;
    const std::vector<int32_t> ids = some_ids(300);
    std::vector<float> logits = feed(**engine, std::span(ids).first(100));
    (*engine)->snapshot(0);
    const std::vector<float> rest = feed(**engine, std::span(ids).subspan(100));
    logits.insert(logits.end(), rest.begin(), rest.end());
    const size_t width = size_t((*engine)->n_vocab());
    for (const size_t keep : {299, 257, 256, 255, 100, 1, 0}) {
      // Something else in between, so that stale values would show.
      feed(**engine, some_ids(20, 99));
      const auto kept = size_t((*engine)->trim(0, int64_t(keep)));
      // A state goes back to its snapshot.
      EXPECT_EQ(kept, !(*engine)->kv().has_states() ? keep : keep >= 100 ? 100 : 0) << name;
      EXPECT_EQ((*engine)->n_positions(0), int64_t(kept));
      EXPECT_TRUE(same_bits(feed(**engine, std::span(ids).subspan(kept)),
                            std::span(logits).subspan(kept * width)))
          << name << ", kept " << keep;
    }
  }
}

TEST(Engine, OnlyWantedRowsComeBack) {
  const auto engine = load({.arch = model::find_arch("llama")});
  ASSERT_TRUE(engine.has_value());
  const std::vector<int32_t> ids = some_ids(20);
  const std::vector<float> logits = feed(**engine, ids);
  const size_t width = size_t((*engine)->n_vocab());
  (*engine)->trim(0, 0);
  std::vector<BatchToken> batch;
  for (size_t i = 0; i < ids.size(); ++i)
    batch.push_back({.token = ids[i], .wants_logits = i == 3 || i == 19});
  const auto rows = (*engine)->feed(batch);
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 2 * width);
  EXPECT_TRUE(same_bits(rows->first(width), std::span(logits).subspan(3 * width, width)));
  EXPECT_TRUE(same_bits(rows->last(width), std::span(logits).last(width)));
  (*engine)->trim(0, 0);
  for (BatchToken& t : batch) t.wants_logits = false;
  EXPECT_EQ((*engine)->feed(batch).value().size(), 0u);
  EXPECT_EQ((*engine)->n_positions(0), 20);
  EXPECT_EQ((*engine)->feed({}).value().size(), 0u);
}

TEST(Engine, AFullContextChangesNothing) {
  EngineOptions options = tiny_options();
  options.n_ctx = 30;
  options.n_sequences = 2;
  options.n_batch = 8;
  const auto engine = load({.arch = model::find_arch("llama")}, options);
  ASSERT_TRUE(engine.has_value());
  const std::vector<int32_t> ids = some_ids(31);
  feed(**engine, std::span(ids).first(20));
  std::vector<BatchToken> batch;
  for (int i = 0; i < 5; ++i) batch.push_back({.token = 1, .sequence = 1});
  for (int i = 0; i < 11; ++i) batch.push_back({.token = 1, .sequence = 0});
  const auto full = (*engine)->feed(batch);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kContextFull);
  EXPECT_NE(full.error().message.find("31"), std::string::npos) << full.error().message;
  EXPECT_NE(full.error().message.find("30"), std::string::npos) << full.error().message;
  EXPECT_FALSE(full.error().hint.empty());
  EXPECT_EQ((*engine)->n_positions(0), 20);
  EXPECT_EQ((*engine)->n_positions(1), 0);
  // The last position is usable, and what came before is whole.
  const std::vector<float> rest = feed(**engine, std::span(ids).subspan(20, 10));
  EXPECT_EQ((*engine)->n_positions(0), 30);
  const std::vector<float> again = feed(**engine, std::span(ids).first(30), 1);
  EXPECT_TRUE(same_bits(rest, std::span(again).last(rest.size())));
}

TEST(Engine, IdsOutsideTheVocabulary) {
  const auto engine = load({.arch = model::find_arch("llama")});
  ASSERT_TRUE(engine.has_value());
  for (const int32_t id : {96, 1000000, 2147483647, -1, -2147483647}) {
    const std::vector<BatchToken> batch = {{.token = 5}, {.token = id}};
    const auto result = (*engine)->feed(batch);
    ASSERT_FALSE(result.has_value()) << id;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find(std::to_string(id)), std::string::npos)
        << result.error().message;
    EXPECT_NE(result.error().hint.find("95"), std::string::npos) << result.error().hint;
    EXPECT_EQ((*engine)->n_positions(0), 0);
  }
  EXPECT_FALSE(feed(**engine, std::vector<int32_t>{95}).empty());
}

TEST(Engine, ThePlanIsWhatIsTaken) {
  for (const auto& [name, tiny] : all_models())
    for (const int n_sequences : {1, 3}) {
      EngineOptions options = tiny_options();
      options.n_sequences = n_sequences;
      options.threads.generate = 2;
      const std::vector<std::byte> bytes = model::make_tiny_model(tiny).value().to_bytes().value();
      const TemporaryFile path(bytes);
      const auto engine = Engine::load(path.path(), options);
      ASSERT_TRUE(engine.has_value()) << name;
      const auto file = format::ModelFile::open(path.path());
      ASSERT_TRUE(file.has_value());
      const auto plan = Engine::plan_memory(*file, options);
      ASSERT_TRUE(plan.has_value()) << plan.error().message;
      EXPECT_TRUE(plan->arena.measuring());
      EXPECT_FALSE(plan->problem.has_value());
      EXPECT_EQ(plan->context.n_ctx, (*engine)->n_ctx());
      const auto rows = [](const Arena& arena) {
        std::vector<std::pair<std::string, uint64_t>> list;
        for (const Arena::Row& row : arena.rows()) list.emplace_back(row.what, row.size_bytes);
        return list;
      };
      EXPECT_EQ(rows(plan->arena), rows((*engine)->memory())) << name;
      EXPECT_GE(plan->rows().size(), 4u);
    }
}

// It stays in its file, and says so; the bits are the same.
TEST(Engine, AModelLargerThanMemory) {
  const model::TinyOptions tiny{.arch = model::find_arch("llama"), .n_vocab = 20'000};
  const std::vector<std::byte> bytes = model::make_tiny_model(tiny).value().to_bytes().value();
  const TemporaryFile path(bytes);
  const std::vector<int32_t> ids = some_ids(20);
  const auto usable = [](uint64_t mib) { return ((256 + mib) << 20) / 9 * 10; };
  EngineOptions options = tiny_options();
  ASSERT_GT(bytes.size(), size_t{4} << 20);
  options.memory_bytes = usable(40);
  const auto fits = Engine::load(path.path(), options);
  ASSERT_TRUE(fits.has_value()) << fits.error().message;
  EXPECT_EQ((*fits)->weights().from(), WeightStore::From::kMemory);
  for (const int64_t n_ctx : {0, 300}) {
    options.n_ctx = n_ctx;
    options.memory_bytes = usable(4);
    const auto large = Engine::load(path.path(), options);
    ASSERT_TRUE(large.has_value()) << large.error().message;
    EXPECT_EQ((*large)->weights().from(), WeightStore::From::kFile);
    EXPECT_NE((*large)->weights().reason().find("larger than the free memory"), std::string::npos);
    ASSERT_FALSE((*large)->warnings().empty());
    const std::string& warning = (*large)->warnings().back();
    EXPECT_NE(warning.find("slow"), std::string::npos) << warning;
    EXPECT_TRUE(same_bits(feed(**fits, ids), feed(**large, ids)));
    (*fits)->trim(0, 0);
    const auto file = format::ModelFile::open(path.path());
    const auto plan = Engine::plan_memory(*file, options);
    ASSERT_TRUE(plan.has_value());
    EXPECT_FALSE(plan->problem.has_value());
    EXPECT_EQ(plan->warning, warning);
    EXPECT_EQ(plan->total_bytes(), (*large)->memory().total_bytes());
  }
  // Where even the context does not fit, or the file cannot be mapped, it is refused.
  options.n_ctx = 1'000'000;
  EXPECT_EQ(Engine::load(path.path(), options).error().code, ErrorCode::kOutOfMemory);
  options.n_ctx = 0;
  options.memory_bytes = 1000;
  EXPECT_EQ(Engine::load(path.path(), options).error().code, ErrorCode::kOutOfMemory);
  options.memory_bytes = usable(4);
  options.map_mode = MapMode::kRead;
  const auto read = Engine::load(path.path(), options);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::kOutOfMemory);
  EXPECT_NE(read.error().message.find("free"), std::string::npos) << read.error().message;
}

TEST(Engine, OptionsThatMakeNoSense) {
  const model::TinyOptions tiny{.arch = model::find_arch("llama")};
  const auto refused = [&](auto change) {
    EngineOptions options = tiny_options();
    change(options);
    const auto engine = load(tiny, options);
    EXPECT_FALSE(engine.has_value());
    if (engine) return std::string();
    EXPECT_EQ(engine.error().code, ErrorCode::kInvalidArgument) << engine.error().message;
    EXPECT_FALSE(engine.error().hint.empty()) << engine.error().message;
    return engine.error().message;
  };
  EXPECT_NE(refused([](EngineOptions& o) { o.threads = {.generate = -1}; }).find("-1"),
            std::string::npos);
  EXPECT_NE(refused([](EngineOptions& o) { o.threads = {.generate = 5000}; }).find("5000"),
            std::string::npos);
  EXPECT_NE(refused([](EngineOptions& o) { o.kv_type = "f17"; }).find("f17"), std::string::npos);
  EXPECT_NE(refused([](EngineOptions& o) { o.kv_type = "q9"; }).find("q9"), std::string::npos);
  EXPECT_NE(refused([](EngineOptions& o) { o.isa = "mmx"; }).find("mmx"), std::string::npos);
}

TEST(Engine, AVocabularyIsNeededUnlessItIsNot) {
  model::TinyOptions tiny{.arch = model::find_arch("llama")};
  EngineOptions options = tiny_options();
  EXPECT_EQ(load(tiny, options).value()->tokenizer(), nullptr);
  options.need_tokenizer = true;
  const auto engine = load(tiny, options);
  ASSERT_FALSE(engine.has_value());
  EXPECT_FALSE(engine.error().message.empty());
  tiny.n_vocab = 320;
  tiny.with_vocabulary = true;
  EXPECT_NE(load(tiny, options).value()->tokenizer(), nullptr);
}

TEST(Engine, LoadingCanBeStopped) {
  const std::vector<std::byte> bytes =
      model::make_tiny_model({.arch = model::find_arch("llama")}).value().to_bytes().value();
  const TemporaryFile file(bytes);
  std::vector<double> seen;
  const auto whole = Engine::load(file.path(), tiny_options(), [&](double done) {
    seen.push_back(done);
    return true;
  });
  EXPECT_TRUE(whole.has_value());
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back(), 1);
  const auto stopped = Engine::load(file.path(), tiny_options(), [](double) { return false; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

// ---- The context that is chosen.

class ChooseContext : public testing::Test {
 protected:
  void SetUp() override {
    params_.arch = model::find_arch("llama");
    params_.n_ctx_train = 4096;
    params_.layers.assign(4, {.n_heads = 8, .n_kv_heads = 2, .head_dim_k = 64, .head_dim_v = 64});
  }
  // f16: 4 layers x 2 heads x (64 + 64) x 2 bytes.
  static constexpr uint64_t kPerPosition = 2048;
  static constexpr uint64_t kMiB = uint64_t{1} << 20;
  [[nodiscard]] Result<ContextChoice> choose(int64_t wanted, uint64_t weights, uint64_t available,
                                             int n_sequences = 1) const {
    EngineOptions options;
    options.n_ctx = wanted;
    options.n_sequences = n_sequences;
    return choose_context(params_, options, weights, available);
  }
  model::HyperParams params_;
};

// States cost the same for every context; without attention nothing else does.
TEST_F(ChooseContext, StatesAreHeldBesideTheContext) {
  params_.n_ctx_train = 1 << 20;
  params_.layers[0].matrix_state = 1 << 20;  // 4 MiB for a sequence, and for each snapshot
  const uint64_t states = KvCache::state_bytes(params_, 1);
  EXPECT_EQ(states, uint64_t(1 + KvCache::n_snapshots(1)) * 4 * kMiB);
  const int64_t beside = choose(0, 100 * kMiB, 1024 * kMiB)->n_ctx;
  params_.layers[0].matrix_state = 0;
  EXPECT_EQ(choose(0, 100 * kMiB + states, 1024 * kMiB)->n_ctx, beside);
  params_.layers.assign(4, {.matrix_state = 1 << 20});
  EXPECT_EQ(choose(0, 100 * kMiB, 1024 * kMiB)->n_ctx, 1 << 20);
  EXPECT_FALSE(choose(0, 1024 * kMiB, 1024 * kMiB).has_value());
}

TEST_F(ChooseContext, AsTrainedWhereItFits) {
  EXPECT_EQ(KvCache::bytes_per_position(params_, tensor::KvType::kF16), kPerPosition);
  const auto choice = choose(0, 100 * kMiB, 4096 * kMiB);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->n_ctx, 4096);
  EXPECT_NE(choice->reason.find("trained"), std::string::npos);
  // Nothing known of the memory: as trained.
  EXPECT_EQ(choose(0, 100 * kMiB, 0)->n_ctx, 4096);
}

TEST_F(ChooseContext, LessWhereItDoesNot) {
  params_.n_ctx_train = 1 << 20;
  const uint64_t available = 1024 * kMiB;
  const auto choice = choose(0, 100 * kMiB, available);
  ASSERT_TRUE(choice.has_value());
  EXPECT_LT(choice->n_ctx, 1 << 20);
  EXPECT_GT(choice->n_ctx, 1000);
  EXPECT_EQ(choice->n_ctx % tensor::kKvChunk, 0);
  EXPECT_LE(uint64_t(choice->n_ctx) * kPerPosition + 100 * kMiB, available);
  EXPECT_NE(choice->reason.find("memory"), std::string::npos);
  EXPECT_NE(choice->reason.find("1048576"), std::string::npos);
  // Four sequences share the room.
  const auto four = choose(0, 100 * kMiB, available, 4);
  ASSERT_TRUE(four.has_value());
  EXPECT_LE(four->n_ctx, choice->n_ctx / 4 + tensor::kKvChunk);
}

TEST_F(ChooseContext, AsAsked) {
  EXPECT_EQ(choose(100, 100 * kMiB, 4096 * kMiB)->n_ctx, 100);
  EXPECT_EQ(choose(100, 100 * kMiB, 4096 * kMiB)->reason, "as asked");
  const auto longer = choose(5000, 100 * kMiB, 4096 * kMiB);
  ASSERT_TRUE(longer.has_value());
  EXPECT_EQ(longer->n_ctx, 5000);
  EXPECT_NE(longer->reason.find("4096"), std::string::npos);
}

TEST_F(ChooseContext, WhatDoesNotFitIsRefused) {
  const auto huge = choose(2147483647, 100 * kMiB, 4096 * kMiB);
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().code, ErrorCode::kOutOfMemory);
  EXPECT_NE(huge.error().message.find("2147483647"), std::string::npos);
  EXPECT_NE(huge.error().hint.find("--ctx"), std::string::npos);
  const auto none = choose(0, 4000 * kMiB, 4096 * kMiB);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kOutOfMemory);
  // What the hint proposes does fit.
  const std::string& hint = huge.error().hint;
  const auto proposed = std::stoll(hint.substr(hint.find("--ctx ") + 6));
  EXPECT_TRUE(choose(proposed, 100 * kMiB, 4096 * kMiB).has_value()) << hint;
}

}  // namespace
}  // namespace hearth::engine::test
