// Sessions: what is known is not read again, and that is nowhere to be seen in the logits.
#include "engine/session.h"

#include "engine/tiny_engine_test.h"

namespace hearth::engine::test {
namespace {

class Sessions : public testing::Test {
 protected:
  [[nodiscard]] virtual const char* arch() const { return "gemma2"; }
  void SetUp() override {
    EngineOptions options = tiny_options();
    options.n_ctx = 300;
    options.n_sequences = 2;
    options.n_batch = 16;
    options.n_outputs = 300;
    auto engine = load({.arch = model::find_arch(arch())}, options);
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = std::move(*engine);
  }
  // Whether the session's logits are those behind `ids` in a sequence that knows nothing. The
  // session's are gone then.
  bool as_fresh(const Session& session, std::span<const int32_t> ids) {
    const std::vector<float> logits(session.logits().begin(), session.logits().end());
    engine_->trim(1, 0);
    const std::vector<float> all = feed(*engine_, ids, 1);
    return same_bits(logits, std::span(all).last(size_t(engine_->n_vocab())));
  }
  std::unique_ptr<Engine> engine_;
};

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(Sessions, ReadOnlyWhatIsNew) {
  Session session(*engine_, 0);
  const std::vector<int32_t> first = some_ids(40);
  EXPECT_EQ(session.prompt(first).value(), 0);
  EXPECT_TRUE(as_fresh(session, first));
  EXPECT_EQ(session.ids(), first);

  // More of the same: all is kept. Another end: the common beginning is.
  const std::vector<int32_t> longer = joined(first, some_ids(20, 8));
  EXPECT_EQ(session.prompt(longer).value(), 40);
  EXPECT_TRUE(as_fresh(session, longer));
  EXPECT_EQ(engine_->n_positions(0), 60);
  std::vector<int32_t> other = longer;
  other[25] = (other[25] + 1) % 96;
  EXPECT_EQ(session.prompt(other).value(), 25);
  EXPECT_TRUE(as_fresh(session, other));

  // The same once more: the last token is read again, for its logits. Shorter: likewise.
  EXPECT_EQ(session.prompt(other).value(), 59);
  EXPECT_TRUE(as_fresh(session, other));
  const std::vector<int32_t> shorter(other.begin(), other.begin() + 10);
  EXPECT_EQ(session.prompt(shorter).value(), 9);
  EXPECT_TRUE(as_fresh(session, shorter));
  EXPECT_EQ(engine_->n_positions(0), 10);
  EXPECT_EQ(session.ids(), shorter);
}

TEST_F(Sessions, GeneratedTokensAreKeptToo) {
  Session session(*engine_, 0);
  std::vector<int32_t> ids = some_ids(10);
  ASSERT_TRUE(session.prompt(ids).has_value());
  for (const int32_t id : some_ids(5, 21)) {
    ASSERT_TRUE(session.append(id).has_value());
    ids.push_back(id);
    EXPECT_TRUE(as_fresh(session, ids));
  }
  EXPECT_EQ(session.ids(), ids);
  EXPECT_EQ(session.prompt(joined(ids, some_ids(3, 22))).value(), 15);
}

TEST_F(Sessions, ProgressIsToldBetweenSteps) {
  Session session(*engine_, 0);
  std::vector<std::pair<int64_t, int64_t>> seen;
  const auto note = [&](int64_t done, int64_t total) {
    seen.emplace_back(done, total);
    return true;
  };
  ASSERT_TRUE(session.prompt(some_ids(40), note).has_value());
  EXPECT_EQ(seen,
            (std::vector<std::pair<int64_t, int64_t>>{{0, 40}, {16, 40}, {32, 40}, {40, 40}}));
}

TEST_F(Sessions, AStoppedPromptIsTakenUpWhereItStopped) {
  Session session(*engine_, 0);
  const std::vector<int32_t> ids = some_ids(50);
  const auto stopped = session.prompt(ids, [](int64_t done, int64_t) { return done < 32; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(session.ids().size(), 32u);
  EXPECT_EQ(engine_->n_positions(0), 32);
  EXPECT_EQ(session.prompt(ids).value(), 32);
  EXPECT_TRUE(as_fresh(session, ids));
}

TEST_F(Sessions, ATooLongPromptChangesNothing) {
  Session session(*engine_, 0);
  const std::vector<int32_t> ids = some_ids(50);
  ASSERT_TRUE(session.prompt(ids).has_value());
  const std::vector<float> logits(session.logits().begin(), session.logits().end());
  const auto full = session.prompt(some_ids(301, 5));
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kContextFull);
  EXPECT_NE(full.error().message.find("301"), std::string::npos);
  EXPECT_NE(full.error().message.find("300"), std::string::npos);
  EXPECT_EQ(session.ids(), ids);
  EXPECT_TRUE(same_bits(session.logits(), logits));
  const auto empty = session.prompt({});
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(empty.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(session.ids(), ids);
}

TEST_F(Sessions, AppendStopsAtTheEndOfTheContext) {
  Session session(*engine_, 0);
  const std::vector<int32_t> ids = some_ids(299);
  ASSERT_TRUE(session.prompt(ids).has_value());
  ASSERT_TRUE(session.append(1).has_value());
  const auto full = session.append(2);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kContextFull);
  EXPECT_EQ(session.ids().size(), 300u);
  EXPECT_EQ(engine_->n_positions(0), 300);
  EXPECT_TRUE(as_fresh(session, joined(ids, {1})));
}

// An id that does not exist: what was read before it is known, and the session goes on.
TEST_F(Sessions, ABadIdLeavesAUsableSession) {
  Session session(*engine_, 0);
  std::vector<int32_t> ids = some_ids(40);
  ids[20] = 96;
  const auto bad = session.prompt(ids);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(int64_t(session.ids().size()), engine_->n_positions(0));
  ids[20] = 3;
  ASSERT_TRUE(session.prompt(ids).has_value());
  EXPECT_TRUE(as_fresh(session, ids));
  EXPECT_FALSE(session.append(-1).has_value());
  EXPECT_EQ(session.ids(), ids);
}

TEST_F(Sessions, ClearForgets) {
  Session session(*engine_, 0);
  const std::vector<int32_t> ids = some_ids(20);
  ASSERT_TRUE(session.prompt(ids).has_value());
  session.clear();
  EXPECT_TRUE(session.ids().empty());
  EXPECT_EQ(engine_->n_positions(0), 0);
  EXPECT_EQ(session.prompt(ids).value(), 0);
}

// --- a model with convolutions between its attention layers ---

class SessionsWithStates : public Sessions {
 protected:
  [[nodiscard]] const char* arch() const override { return "lfm2"; }
};

TEST_F(SessionsWithStates, KeepWhatASnapshotKnows) {
  Session session(*engine_, 0);
  const std::vector<int32_t> first = some_ids(40);
  EXPECT_EQ(session.prompt(first).value(), 0);  // snapshot at 24, 16 before the end
  EXPECT_TRUE(as_fresh(session, first));
  ASSERT_TRUE(session.append(7).has_value());
  // More of the same: nothing to go back to.
  const std::vector<int32_t> longer = joined(joined(first, {7}), some_ids(20, 8));
  EXPECT_EQ(session.prompt(longer).value(), 41);  // snapshot at 45
  EXPECT_TRUE(as_fresh(session, longer));
  // The same once more, as for another answer.
  EXPECT_EQ(session.prompt(longer).value(), 45);
  EXPECT_TRUE(as_fresh(session, longer));
  for (const auto& [changed, kept] : {std::pair<size_t, int64_t>{50, 45}, {44, 24}, {24, 24}}) {
    std::vector<int32_t> other = longer;
    other[changed] = (other[changed] + 1) % 96;
    EXPECT_EQ(session.prompt(other).value(), kept) << changed;
    EXPECT_TRUE(as_fresh(session, other)) << changed;
    ASSERT_TRUE(session.prompt(longer).has_value());
  }
  std::vector<int32_t> other = longer;
  other[23] = (other[23] + 1) % 96;
  EXPECT_EQ(session.prompt(other).value(), 0);
  EXPECT_TRUE(as_fresh(session, other));
}

TEST_F(SessionsWithStates, ShortAndStoppedPrompts) {
  Session session(*engine_, 0);
  const std::vector<int32_t> ids = some_ids(60);
  EXPECT_EQ(session.prompt(std::span(ids).first(10)).value(), 0);
  EXPECT_EQ(session.prompt(std::span(ids).first(10)).value(), 0);  // too short for a snapshot
  EXPECT_TRUE(as_fresh(session, std::span(ids).first(10)));
  const auto stopped = session.prompt(ids, [](int64_t done, int64_t) { return done < 26; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(int64_t(session.ids().size()), engine_->n_positions(0));
  ASSERT_TRUE(session.prompt(ids).has_value());
  EXPECT_TRUE(as_fresh(session, ids));
}

}  // namespace
}  // namespace hearth::engine::test
