// Grammars as the sampler sees them: texts that match, masks, ends, rollback, limits.
#include "sample/constraint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sample/chain.h"
#include "sample/grammar_test_util.h"
#include "sample/rng.h"

namespace hearth::sample {
namespace {

TEST(Constraint, GrammarsOfTheSharedData) {
  const auto folder = grammar_data() / "gbnf";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  size_t n = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().filename());
    EXPECT_NE(compile_gbnf(read_text(file.path())), nullptr);
    ++n;
  }
  EXPECT_GE(n, 8u);
  const auto chess = compile_gbnf(read_text(folder / "chess.gbnf"));
  EXPECT_TRUE(matches(chess, "1. e4 e5\n2. Nf3 Nc6\n"));
  EXPECT_FALSE(matches(chess, "1. e4 e5\n2. Nf3 Nc9\n"));
  const auto c = compile_gbnf(read_text(folder / "c.gbnf"));
  EXPECT_TRUE(matches(c, "int main(){int x = 3+a*b;return x;}"));
  EXPECT_FALSE(matches(c, "int main(){int x = ;}"));
  EXPECT_TRUE(matches(compile_gbnf(read_text(folder / "japanese.gbnf")), "こんにちは、世界"));
}

TEST(Constraint, CasesOfTheSharedData) {
  const auto path = grammar_data() / "gbnf-cases" / "grammar-integration.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  size_t n = 0;
  for (const auto& entry : nlohmann::json::parse(read_text(path))) {
    if (entry["kind"] != "grammar") continue;
    ++n;
    SCOPED_TRACE(entry["desc"]);
    const auto constraint = compile_gbnf(entry["source"].get<std::string>());
    ASSERT_NE(constraint, nullptr);
    for (const auto& text : entry["accept"])
      EXPECT_TRUE(matches(constraint, text.get<std::string>())) << text;
    for (const auto& text : entry["reject"])
      EXPECT_FALSE(matches(constraint, text.get<std::string>())) << text;
  }
  EXPECT_GE(n, 10u);
}

TEST(Constraint, EndsOnlyWhereTheGrammarMay) {
  ConstraintState state(compile_gbnf("root ::= \"ab\" \"c\"?"));
  EXPECT_FALSE(state.mask().test(256));
  EXPECT_FALSE(state.accept(256));
  EXPECT_TRUE(state.accept('a'));
  EXPECT_FALSE(state.accept('c'));
  EXPECT_TRUE(state.accept('b'));
  EXPECT_TRUE(state.may_end());
  EXPECT_FALSE(state.is_done());
  EXPECT_TRUE(state.mask().test(256));
  EXPECT_TRUE(state.mask().test('c'));
  EXPECT_EQ(state.mask().count(), 2u);
  EXPECT_TRUE(state.accept('c'));
  EXPECT_TRUE(state.is_done());
  EXPECT_EQ(state.mask().count(), 1u);
  EXPECT_TRUE(state.accept(256));
  EXPECT_EQ(state.mask().count(), 0u);
  EXPECT_TRUE(state.rollback(2));
  EXPECT_TRUE(state.may_end());
  EXPECT_FALSE(state.is_done());
  EXPECT_TRUE(state.mask().test('c'));
  EXPECT_FALSE(state.rollback(3));
  EXPECT_TRUE(state.rollback(2));
  EXPECT_TRUE(state.mask().test('a'));
}

// "a" S "b" | "a" S "c" and its like have 2^n stacks after n letters.
TEST(Constraint, AmbiguityCostsNoTime) {
  const auto constraint = compile_gbnf(
      "root ::= x | y | z\nx ::= \"a\" root \"b\"\ny ::= \"a\" root \"c\"\nz ::= \"a\"");
  const std::string many(200, 'a');
  EXPECT_TRUE(matches(constraint, many + std::string(100, 'b') + std::string(99, 'c')));
  EXPECT_FALSE(matches(constraint, many + std::string(100, 'b') + std::string(100, 'c')));
  ConstraintState state(constraint);
  ASSERT_TRUE(state.accept_text(many));
  expect_mask_is_exact(state);
}

TEST(Constraint, NestedCountsStaySmall) {
  const auto large = compile_gbnf("root ::= ((\"a\" [bc] \"d\"){1000}){1000} \".\"");
  ASSERT_NE(large, nullptr);
  EXPECT_LT(large->automaton().n_states(), 5000u);
  ConstraintState state(compile_gbnf("root ::= ((\"a\" [bc] \"d\"){100}){100} \".\""));
  std::string text;
  for (int i = 0; i < 50; ++i) text += "abdacd";
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(state.accept_text(text));
  EXPECT_TRUE(state.accept_text("."));
  EXPECT_TRUE(state.is_done());
}

TEST(Constraint, HostileGrammarsAreRefusedOrWork) {
  const auto error_of = [](std::string_view source) {
    auto grammar = parse_gbnf(source);
    if (!grammar) return grammar.error().message;
    auto compiled = Constraint::compile(*grammar, byte_tokens());
    return compiled ? std::string() : compiled.error().message;
  };
  EXPECT_NE(error_of("root ::= root \"a\" | \"a\"").find("left-recursive"), std::string::npos);
  EXPECT_NE(error_of("root ::= a\na ::= b? a \"x\"\nb ::= \"b\"").find("rule a is left-recursive"),
            std::string::npos);
  EXPECT_NE(error_of("root ::= \"a\" root").find("no text"), std::string::npos);
  EXPECT_NE(error_of("root ::= [a-z]{99999}{99999} [a-z]{99999} [0-9]{99999} [a-f]{99999}"), "-");
  EXPECT_NE(error_of("root ::= (\"a\"?){90000}"), "-");
  EXPECT_NE(error_of("root ::= [ab]* \"a\" [ab]{300} \"c\""), "-");
  EXPECT_NE(error_of("root ::= a\n# nothing else").find("line 1: the rule a"), std::string::npos);
  EXPECT_NE(error_of("root ::= \"a\"{100001}").find("too large"), std::string::npos);
  EXPECT_NE(error_of("root ::= <think>").find("token references"), std::string::npos);
  EXPECT_NE(error_of("root ::= " + std::string(5000, '(')).find("too deep"), std::string::npos);
  EXPECT_NE(error_of("root ::= \"a\"" + std::string(5000, '*')).find("marks"), std::string::npos);
  EXPECT_NE(error_of("x ::= \"a\"").find("named root"), std::string::npos);
  EXPECT_NE(error_of("root ::= \"a").find("does not end"), std::string::npos);
  EXPECT_NE(error_of("root ::= [z-a]").find("backwards"), std::string::npos);
  EXPECT_NE(error_of("root ::= \"\xff\"").find("UTF-8"), std::string::npos);
}

TEST(Constraint, NestingHasABound) {
  ConstraintState state(compile_gbnf("root ::= \"[\" root? \"]\" \"!\""));
  size_t depth = 0;
  while (depth < 5000 && state.accept('[')) ++depth;
  EXPECT_GE(depth, 500u);
  EXPECT_LE(depth, Configs::kMaxDepth + 1);
  for (; depth > 0; --depth) ASSERT_TRUE(state.accept_text("]!"));
  EXPECT_TRUE(state.is_done());
}

TEST(Constraint, UntilReadsUpToTheFirstMarker) {
  Grammar grammar;
  const RuleId root = grammar.add_rule("root");
  grammar.define(root, grammar.sequence({grammar.until("<abab>"), grammar.literal("{}")}));
  grammar.set_root(root);
  const auto constraint = compile_ok(grammar, byte_tokens());
  EXPECT_TRUE(matches(constraint, "some text <ab <aba<abab>{}"));
  EXPECT_FALSE(matches(constraint, "some text <abab> {}"));
  EXPECT_FALSE(matches(constraint, "<abab>"));
  EXPECT_TRUE(matches(constraint, "<<abab>{}"));
  EXPECT_TRUE(matches(constraint, "<aba<abab>{}"));
}

// Greedy and sampled, with penalties and bias: never a token outside of the grammar, and the end
// only where it may be.
TEST(Constraint, TheChainObeys) {
  const auto constraint = compile_gbnf("root ::= \"(\" [a-c]{2,5} root? \")\"");
  Rng rng(3);
  for (int round = 0; round < 60; ++round) {
    SamplerParams params;
    params.temperature = round % 2 == 0 ? 0.0f : 1.5f;
    params.seed = uint64_t(round);
    params.repeat_penalty = 1.3f;
    params.mirostat = round % 5 == 0 ? 2 : 0;
    params.logit_bias = {{'x', 100.0f}, {'b', 3.0f}, {'y', 100.0f}};
    auto chain = SamplerChain::create(params, 257);
    ASSERT_TRUE(chain.has_value());
    chain->accept('q');  // the prompt is not held to it
    chain->constrain(constraint);
    std::string text;
    int32_t id = 0;
    while (id != 256 && text.size() < 2000) {
      std::vector<float> logits(257);
      for (float& l : logits) l = float(rng.uniform() * 10);
      id = chain->sample(logits);
      ASSERT_NE(id, kNoToken) << text;
      chain->accept(id);
      if (id != 256) text.push_back(char(id));
    }
    EXPECT_TRUE(matches(constraint, text)) << text;
    EXPECT_EQ(chain->sample(std::vector<float>(257, 1.0f)), kNoToken);
    chain->release_constraint();
    EXPECT_NE(chain->sample(std::vector<float>(257, 1.0f)), kNoToken);
  }
}

TEST(Constraint, AForeignTokenEndsTheSampling) {
  auto chain = SamplerChain::create({}, 257);
  ASSERT_TRUE(chain.has_value());
  chain->constrain(compile_gbnf("root ::= \"ab\""));
  chain->accept('z');
  EXPECT_EQ(chain->sample(std::vector<float>(257, 1.0f)), kNoToken);
  EXPECT_TRUE(chain->is_constrained());
}

// ---- random grammars and vocabularies against the plain definition

// A grammar whose rule i calls only later rules, or itself and earlier ones behind a byte.
std::string random_gbnf(Rng& rng) {
  const auto below = [&](int n) { return int(rng.uniform() * n); };
  const int n_rules = 2 + below(4);
  std::string out;
  for (int r = 0; r < n_rules; ++r) {
    out += (r == 0 ? "root" : "r" + std::to_string(r)) + " ::= ";
    const int n_choices = 1 + below(3);
    for (int c = 0; c < n_choices; ++c) {
      if (c > 0) out += " | ";
      const int n_parts = 1 + below(4);
      bool read = false;
      for (int p = 0; p < n_parts; ++p) {
        const int kind = below(6);
        const std::string literal = "\"" + std::string(1, char('a' + below(3))) + "\"";
        if (kind == 0) {
          out += "[a-b]" + std::string(below(2) == 0 ? "*" : "{1,2}");
        } else if (kind == 1 && r + 1 < n_rules) {
          out += "r" + std::to_string(r + 1 + below(n_rules - r - 1));
          if (below(3) == 0) out += "?";
        } else if (kind == 2 && read) {
          out += r == 0 || below(2) == 0 ? "root" : "r" + std::to_string(r);
        } else if (kind == 3) {
          out += "(" + literal + " | \"é\" [a-c]?)" + (below(2) == 0 ? "+" : "{0,3}");
        } else {
          out += literal;
          read = true;
        }
        out += " ";
      }
    }
    out += "\n";
  }
  return out;
}

std::shared_ptr<const TokenTable> random_tokens(Rng& rng) {
  const std::string_view alphabet[] = {"a", "b", "c", "\xc3", "\xa9", "é", "\"", " "};
  std::vector<std::string> bytes;
  for (size_t i = 0; i < 150; ++i) {
    bytes.emplace_back();
    const int length = int(rng.uniform() * 7);
    for (int k = 0; k < length; ++k) bytes.back() += alphabet[size_t(rng.uniform() * 8)];
  }
  return TokenTable::create(std::move(bytes), {3, 77});
}

TEST(Constraint, MasksEqualReadingEveryTokenByBytes) {
  Rng rng(42);
  size_t n_compiled = 0;
  size_t n_masks = 0;
  for (int round = 0; round < 400; ++round) {
    const std::string source = random_gbnf(rng);
    SCOPED_TRACE(source);
    auto grammar = parse_gbnf(source);
    ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
    auto constraint = Constraint::compile(*grammar, random_tokens(rng));
    if (!constraint) continue;  // no text matches
    ++n_compiled;
    ConstraintState state(*constraint);
    for (int step = 0; step < 12; ++step) {
      ++n_masks;
      expect_mask_is_exact(state);
      if (HasFatalFailure()) return;
      std::vector<int32_t> allowed;
      state.mask().for_each([&](int32_t id) { allowed.push_back(id); });
      if (allowed.empty()) break;
      const int32_t chosen = allowed[size_t(rng.uniform() * double(allowed.size()))];
      ASSERT_TRUE(state.accept(chosen));
      if ((*constraint)->tokens().is_end(chosen)) break;
    }
  }
  EXPECT_GT(n_compiled, 100u);
  EXPECT_GT(n_masks, 500u);
}

}  // namespace
}  // namespace hearth::sample
