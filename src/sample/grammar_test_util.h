// What the tests of grammars, constraints and schemas share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sample/constraint.h"
#include "sample/grammar.h"

namespace hearth::sample {

// ../shared/data/grammar-schema; tests that need it are skipped where it is absent.
inline std::filesystem::path grammar_data() {
  return std::filesystem::path(HEARTH_SHARED_DIR) / "data" / "grammar-schema";
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One token per byte but 0 ("" is never allowed), and 256 as the end.
inline std::shared_ptr<const TokenTable> byte_tokens() {
  std::vector<std::string> bytes(257);
  for (size_t b = 1; b < 256; ++b) bytes[b] = std::string(1, char(b));
  return TokenTable::create(std::move(bytes), {256});
}

inline std::shared_ptr<const Constraint> compile_ok(const Grammar& grammar,
                                                    std::shared_ptr<const TokenTable> tokens) {
  auto out = Constraint::compile(grammar, std::move(tokens));
  EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message);
  return out ? *out : nullptr;
}

inline std::shared_ptr<const Constraint> compile_gbnf(std::string_view source) {
  auto grammar = parse_gbnf(source);
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message);
  return grammar ? compile_ok(*grammar, byte_tokens()) : nullptr;
}

// Whether the whole text matches.
inline bool matches(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
  ConstraintState state(constraint);
  if (!text.empty() && !state.accept_text(text)) return false;
  return state.may_end();
}

// Whether mask() is right by the plain definition: every token read byte by byte.
inline void expect_mask_is_exact(ConstraintState& state) {
  const TokenTable& tokens = state.constraint().tokens();
  const TokenMask mask = state.mask();
  for (size_t i = 0; i < tokens.n_vocab(); ++i) {
    const int32_t id = int32_t(i);
    ConstraintState copy = state;
    const bool fits = tokens.is_end(id)
                          ? state.may_end()
                          : !tokens.bytes(id).empty() && copy.accept_text(tokens.bytes(id));
    ASSERT_EQ(mask.test(id), fits) << "token " << id << " '" << tokens.bytes(id) << "'";
  }
}

}  // namespace hearth::sample
