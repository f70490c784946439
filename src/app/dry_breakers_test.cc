#include "app/dry_breakers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "text/toy_vocabs.h"

namespace hearth::app {
namespace {

using Sequences = std::vector<std::vector<int32_t>>;

std::unique_ptr<text::Tokenizer> spm() {
  text::ToyVocab vocab("llama");
  text::fill_spm(vocab);
  return vocab.tokenizer();
}

TEST(DryBreakers, TokensThatHoldTheTextAndThoseThatBeginIt) {
  const auto tokenizer = spm();
  const std::vector<std::string> texts = {"or", ""};
  auto found = dry_breaker_tokens(*tokenizer, texts);
  ASSERT_TRUE(found);
  const auto id = [&](const char* text) { return tokenizer->find(text); };
  const int32_t r = id("r");
  Sequences wanted = {{id("or")},       {id("▁wor")},      {id("▁world")},   {id("o"), r},
                      {id("hello"), r}, {id("▁hello"), r}, {id("<0x6F>"), r}};
  std::ranges::sort(wanted);
  std::ranges::sort(*found);
  EXPECT_EQ(*found, wanted);
}

TEST(DryBreakers, ByteTokensCount) {
  const auto tokenizer = spm();
  const std::vector<std::string> texts = {"\n"};
  const auto found = dry_breaker_tokens(*tokenizer, texts);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, Sequences{{tokenizer->find("<0x0A>")}});
}

}  // namespace
}  // namespace hearth::app
