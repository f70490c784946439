#include "engine/embedder.h"

#include <algorithm>
#include <cmath>

#include "engine/reranker.h"
#include "engine/tiny_engine_test.h"
#include "model/vocab_loader.h"
#include "text/tokenizer.h"

namespace hearth::engine::test {
namespace {

using model::Pooling;
using Ids = std::vector<int32_t>;

model::TinyOptions tiny(const char* arch) { return {.arch = model::find_arch(arch)}; }

std::unique_ptr<Engine> open(const char* arch, int n_sequences = 1, int n_threads = 1,
                             int n_batch = 512) {
  EngineOptions options = tiny_options();
  options.n_sequences = n_sequences;
  options.threads.generate = n_threads;
  options.n_batch = n_batch;
  auto engine = load(tiny(arch), options);
  EXPECT_TRUE(engine.has_value()) << arch << ": " << engine.error().message;
  return engine ? std::move(*engine) : nullptr;
}

std::vector<Embedding> embed(Engine& engine, const std::vector<Ids>& texts, Pooling pooling,
                             bool normalize = false) {
  auto answers = Embedder(engine).embed(texts, pooling, normalize);
  EXPECT_TRUE(answers.has_value()) << answers.error().message;
  return answers ? std::move(*answers) : std::vector<Embedding>();
}

const std::vector<Ids> kTexts = {some_ids(9), some_ids(1, 8), some_ids(30, 9), some_ids(17, 10),
                                 some_ids(2, 11)};

TEST(Embedder, TheSameBitsAloneAndTogether) {
  for (const char* arch : {"bert", "modern-bert", "gemma-embedding", "nomic-bert-moe", "qwen3"}) {
    const auto alone = open(arch);
    ASSERT_NE(alone, nullptr);
    std::vector<std::vector<float>> expected;
    for (const Ids& text : kTexts)
      expected.push_back(embed(*alone, {text}, Pooling::kMean).at(0).values);
    for (const auto& [n_sequences, n_threads] : {std::pair{2, 1}, {3, 2}, {16, 2}}) {
      const auto engine = open(arch, n_sequences, n_threads);
      const auto together = embed(*engine, kTexts, Pooling::kMean);
      ASSERT_EQ(together.size(), kTexts.size());
      for (size_t i = 0; i < kTexts.size(); ++i)
        EXPECT_TRUE(same_bits(together[i].values, expected[i])) << arch << " " << i;
    }
  }
}

TEST(Embedder, CausalModelsReadInSteps) {
  const auto whole = open("qwen3");
  const auto steps = open("qwen3", 1, 1, 7);
  for (const Ids& text : kTexts)
    EXPECT_TRUE(same_bits(embed(*whole, {text}, Pooling::kLast).at(0).values,
                          embed(*steps, {text}, Pooling::kLast).at(0).values));
}

TEST(Embedder, StatesAreThoseOfTheLogits) {
  const auto engine = open("qwen3");
  const Ids& text = kTexts[0];
  const Embedding states = embed(*engine, {text}, Pooling::kNone).at(0);
  ASSERT_EQ(states.rows, int64_t(text.size()));
  ASSERT_EQ(states.width, 64);
  const std::vector<float> logits = feed(*engine, text);
  const tensor::Weight& head = engine->model().head();
  std::vector<float> row(size_t(head.k));
  for (int64_t t = 0; t < states.rows; ++t)
    for (int64_t v = 0; v < 5; ++v) {
      head.type->decode_row(head.data + size_t(v) * head.row_bytes(), head.k, row.data());
      double sum = 0;
      for (size_t i = 0; i < row.size(); ++i) sum += double(row[i]) * double(states.row(t)[i]);
      EXPECT_NEAR(sum, double(logits[size_t(t * engine->n_vocab() + v)]), 1e-4);
    }
}

TEST(Embedder, LengthOfOneWhereWanted) {
  const auto engine = open("bert", 4);
  for (const Pooling pooling : {Pooling::kNone, Pooling::kMean, Pooling::kCls}) {
    const auto plain = embed(*engine, kTexts, pooling);
    const auto unit = embed(*engine, kTexts, pooling, true);
    for (size_t i = 0; i < kTexts.size(); ++i)
      for (int64_t r = 0; r < unit[i].rows; ++r) {
        double length = 0;
        double scale = 0;
        for (const float x : unit[i].row(r)) length += double(x) * double(x);
        for (const float x : plain[i].row(r)) scale += double(x) * double(x);
        EXPECT_NEAR(length, 1, 1e-6);
        EXPECT_NEAR(double(unit[i].row(r)[3]), double(plain[i].row(r)[3]) / std::sqrt(scale), 1e-6);
      }
  }
}

TEST(Embedder, RefusesWhatItCannotDo) {
  const auto engine = open("bert");
  const auto refused = [&](const std::vector<Ids>& texts, Pooling pooling, ErrorCode code,
                           std::initializer_list<const char*> parts) {
    const auto answer = Embedder(*engine).embed(texts, pooling, true);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, code) << answer.error().message;
    EXPECT_FALSE(answer.error().hint.empty());
    for (const char* part : parts)
      EXPECT_NE(answer.error().message.find(part), std::string::npos) << answer.error().message;
  };
  refused({{1, 2}, {}}, Pooling::kMean, ErrorCode::kInvalidArgument, {"text 2"});
  refused({{1, 96}}, Pooling::kMean, ErrorCode::kInvalidArgument, {"96"});
  refused({{1, -1}}, Pooling::kMean, ErrorCode::kInvalidArgument, {"-1"});
  refused({some_ids(600)}, Pooling::kMean, ErrorCode::kContextFull, {"600", "512"});
  refused({{1, 2}}, Pooling::kRank, ErrorCode::kUnsupported, {"'bert'", "ranks"});
  // Nothing is left behind.
  EXPECT_EQ(engine->n_positions(0), 0);
  EXPECT_EQ(embed(*engine, {some_ids(512)}, Pooling::kMean).size(), 1u);
}

TEST(Embedder, EncodersGoOnWithNoText) {
  const auto engine = open("bert");
  const BatchToken token{.token = 1, .wants_logits = true};
  const auto logits = engine->feed(std::span(&token, 1));
  ASSERT_FALSE(logits.has_value());
  EXPECT_EQ(logits.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(logits.error().hint.find("hearth embed"), std::string::npos);
  EXPECT_EQ(engine->n_positions(0), 0);
}

// A text of an encoder is one step, however small the steps of language models are; its layers
// share one cache, in F32.
TEST(Embedder, EncodersReadATextAtOnce) {
  EngineOptions options = tiny_options();
  options.n_batch = 16;
  options.kv_type = "q4_0";
  const auto small = load(tiny("bert"), options);
  ASSERT_TRUE(small.has_value()) << small.error().message;
  const auto engine = open("bert");
  const std::vector<Ids> text = {some_ids(200)};
  EXPECT_TRUE(same_bits(embed(**small, text, Pooling::kMean).at(0).values,
                        embed(*engine, text, Pooling::kMean).at(0).values));
  const model::HyperParams& params = engine->model().params();
  EXPECT_EQ(
      KvCache::bytes_per_position(params, tensor::KvType::kF32),
      uint64_t(2 * params.layers[0].n_kv_heads * params.layers[0].head_dim_k) * sizeof(float));
}

TEST(Embedder, LearnedPositionsEnd) {
  EngineOptions options = tiny_options();
  options.n_ctx = 513;
  const auto engine = load(tiny("bert"), options);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(engine.error().message.find("513"), std::string::npos) << engine.error().message;
  EXPECT_NE(engine.error().message.find("512"), std::string::npos) << engine.error().message;
  EXPECT_TRUE(load(tiny("nomic-bert"), options).has_value());
}

TEST(Embedder, OptionsFollowTheTexts) {
  model::HyperParams params;
  params.n_ctx_train = 8192;
  EXPECT_EQ(embedding_options({}, params, 100).n_ctx, 100);
  EXPECT_EQ(embedding_options({}, params, 100).n_sequences, 8);
  EXPECT_EQ(embedding_options({}, params, 1000).n_sequences, 2);
  EXPECT_EQ(embedding_options({}, params, 100000).n_ctx, 8192);
  EXPECT_EQ(embedding_options({}, params, 100000).n_sequences, 1);
  EXPECT_EQ(embedding_options({.n_ctx = 512}, params, 100).n_ctx, 512);
  params.one_cache = true;
  EXPECT_EQ(embedding_options({}, params, 100).n_sequences, 16);
  params.rope.scaling = model::RopeScaling::kLongRope;
  EXPECT_EQ(embedding_options({}, params, 100).n_ctx, 8192);
}

// ---- Rerankers

TEST(Reranker, ScoresAreTheHeads) {
  model::TinyOptions options = tiny("bert");
  options.optional = {model::Role::kClsDense, model::Role::kClsOutput};
  EngineOptions engine_options = tiny_options();
  engine_options.n_sequences = 4;
  const auto engine = load(options, engine_options);
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  const auto scores = rerank(**engine, kTexts);
  ASSERT_TRUE(scores.has_value()) << scores.error().message;
  ASSERT_EQ(scores->size(), kTexts.size());
  for (size_t i = 0; i < kTexts.size(); ++i) {
    const Embedding states = embed(**engine, {kTexts[i]}, Pooling::kNone).at(0);
    const double expected = model::pool((*engine)->model(), Pooling::kRank, states.values).at(0);
    EXPECT_NEAR((*scores)[i], expected, 1e-6) << i;
  }
}

class RerankIds : public testing::Test {
 protected:
  // A model of `arch` with a SentencePiece vocabulary, changed by `change`.
  template <class Change>
  void open(const char* arch, Change&& change) {
    model::TinyOptions options = tiny(arch);
    options.n_vocab = 320;
    options.with_vocabulary = true;
    model::TinyModel model = model::make_tiny_model(options).value();
    change(model);
    bytes_ = model.to_bytes().value();
    file_ = std::make_unique<format::ModelFile>(format::ModelFile::parse(bytes_).value());
    params_ = model::read_hyper_params(file_->metadata()).value();
    tokenizer_ = model::load_tokenizer(file_->metadata()).value();
  }
  Ids ids(std::string_view query, std::string_view document) {
    return rerank_ids(file_->metadata(), params_, *tokenizer_, query, document).value();
  }
  Ids plain(std::string_view text) {
    return tokenizer_->encode(text, {.add_special = false, .parse_special = false}).value();
  }

  std::vector<std::byte> bytes_;
  std::unique_ptr<format::ModelFile> file_;
  model::HyperParams params_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
};

TEST_F(RerankIds, APairHasTheTokenizersSpecialTokens) {
  const auto joined = [&](std::initializer_list<Ids> parts) {
    Ids all;
    for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  open("jina-bert-v2", [](model::TinyModel&) {});
  EXPECT_EQ(ids("ab", "cd"), joined({{1}, plain("ab"), plain("cd")}));
  open("jina-bert-v2", [](model::TinyModel& m) {
    m.metadata.set("tokenizer.ggml.add_eos_token", true);
    m.metadata.set("tokenizer.ggml.add_sep_token", true);
    m.metadata.set("tokenizer.ggml.seperator_token_id", uint32_t{2});
  });
  EXPECT_EQ(ids("ab", "cd"), joined({{1}, plain("ab"), {2, 2}, plain("cd"), {2}}));
  // What people write is text.
  EXPECT_EQ(ids("a</s>", "cd"), joined({{1}, plain("a</s>"), {2, 2}, plain("cd"), {2}}));
}

TEST_F(RerankIds, ATemplateIsFilledIn) {
  open("qwen3", [](model::TinyModel& m) {
    m.metadata.set("tokenizer.chat_template.rerank",
                   std::string_view("<s>query {query}</s>{document}</s>{query}"));
  });
  const Ids all = ids("ab</s>", "{query}");
  EXPECT_EQ(all.front(), 1);
  EXPECT_EQ(std::ranges::count(all, 2), 2);
  // SentencePiece puts its space before a text that follows a special token.
  EXPECT_EQ(tokenizer_->decode(all, {.render_special = true}),
            "<s>query ab</s></s> {query}</s> ab</s>");
}

TEST_F(RerankIds, ADocumentThatIsTooLongIsCut) {
  open("qwen3", [](model::TinyModel& m) {
    m.metadata.set("tokenizer.chat_template.rerank",
                   std::string_view("<s>query {query}</s>{document}</s>"));
  });
  const std::string document = "ab \xC3\xA9\xC3\xA9 cd \xC3\xA9 ef \xC3\xA9\xC3\xA9\xC3\xA9";
  const auto cut = [&](size_t most) {
    return cut_rerank_ids(file_->metadata(), params_, *tokenizer_, "q", document, most);
  };
  const size_t whole = ids("q", document).size();
  const size_t least = ids("q", "").size();
  EXPECT_EQ(cut(whole).value(), ids("q", document));
  for (size_t most = least; most < whole; ++most) {
    const Ids all = cut(most).value();
    EXPECT_LE(all.size(), most);
    EXPECT_GE(all.size() + 4, most);  // at most a character less: two bytes, and a space before
    EXPECT_EQ(all.back(), 2);         // what stands behind the document is there
    // A begin of the document, of whole characters.
    const std::string text = tokenizer_->decode(all, {.render_special = true});
    const std::string begin = "<s>query q</s> ";
    if (all.size() == least) continue;
    ASSERT_TRUE(text.starts_with(begin)) << text;
    const std::string kept = text.substr(begin.size(), text.size() - begin.size() - 4);
    EXPECT_TRUE(document.starts_with(kept)) << text;
    EXPECT_TRUE(kept.empty() || (uint8_t(document[kept.size()]) & 0xC0) != 0x80) << text;
  }
  const auto none = cut(least - 1);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kContextFull);
}

TEST_F(RerankIds, CausalModelsHaveQwensOwn) {
  open("qwen3", [](model::TinyModel&) {});
  const std::string prompt = tokenizer_->decode(ids("ab", "cd"), {.render_special = true});
  EXPECT_NE(prompt.find("<Query>: ab\n<Document>: cd<|im_end|>"), std::string::npos) << prompt;
  EXPECT_TRUE(prompt.ends_with("</think>\n\n")) << prompt;
}

}  // namespace
}  // namespace hearth::engine::test
