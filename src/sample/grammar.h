// Grammar: rules over text, the one form that GBNF, JSON Schema and tool-call formats are turned
// into. A builder: expressions are made bottom-up and named by ExprId. compile() of
// sample/constraint.h makes it executable. It knows nothing of tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/char_set.h"
#include "sample/text_dfa.h"

namespace hearth::sample {

using ExprId = uint32_t;
using RuleId = uint32_t;

// How the characters of a TextDfa are written.
enum class TextEncoding : uint8_t {
  kPlain,       // as UTF-8
  kJsonString,  // as inside a JSON string: what must be escaped is, in its shortest form
};

class Grammar {
 public:
  static constexpr int64_t kUnlimited = -1;
  // A larger count is refused; each repetition costs at least one state.
  static constexpr int64_t kMaxRepeat = 100'000;

  enum class Kind : uint8_t {
    kBytes,
    kChars,
    kSequence,
    kChoice,
    kRepeat,
    kRule,
    kText,
    kUntil,
    kFree,
    kOther,
  };
  // Text that ends what is free, and what follows it.
  struct Marker {
    std::string bytes;
    ExprId part;
  };
  struct Expr {
    Kind kind = Kind::kSequence;
    std::vector<ExprId> parts = {};  // kSequence, kChoice; kRepeat: one
    std::string bytes = {};          // kBytes, kUntil
    CharSet chars = {};              // kChars
    int64_t min = 0;                 // kRepeat
    int64_t max = 0;
    uint32_t index = 0;  // kRule: rule; kText: number of the automaton
    TextEncoding encoding = TextEncoding::kPlain;
    std::vector<Marker> markers = {};  // kFree, kOther
  };
  struct Rule {
    std::string name = {};
    ExprId body = 0;
    bool is_defined = false;
  };

  // Nothing at all, and what can never be matched.
  ExprId empty();
  ExprId never();
  // These very bytes.
  ExprId literal(std::string_view bytes);
  // One character of the set, in UTF-8.
  ExprId chars(CharSet set);
  ExprId sequence(std::vector<ExprId> parts);
  ExprId choice(std::vector<ExprId> parts);
  // min to max times; max kUnlimited: any number. REQUIRES: 0 <= min <= kMaxRepeat, and so for max.
  ExprId repeat(ExprId part, int64_t min, int64_t max);
  ExprId optional(ExprId part) { return repeat(part, 0, 1); }
  ExprId rule(RuleId rule);
  // A text of the set, without quotes.
  ExprId text(TextDfa dfa, TextEncoding encoding = TextEncoding::kPlain);
  // Any bytes up to and including the first occurrence of `marker`; free text before a tool call.
  // REQUIRES: marker is not empty.
  ExprId until(std::string_view marker);
  // Any bytes in which no marker stands; or any up to and including the first one, and its part.
  // Markers that end at the same place are alternatives. REQUIRES: none of them is empty.
  ExprId free_text(std::vector<Marker> markers);
  // Any bytes that begin with no marker; or one, and its part. REQUIRES: none of them is empty.
  ExprId other_than(std::vector<Marker> markers);

  // Rules may be used before they are defined. Names are for messages only.
  RuleId add_rule(std::string name);
  void define(RuleId rule, ExprId body);
  void set_root(RuleId rule) { root_ = rule; }

  [[nodiscard]] RuleId root() const { return root_; }
  [[nodiscard]] const Expr& expr(ExprId id) const { return exprs_[id]; }
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  [[nodiscard]] const TextDfa& dfa(uint32_t index) const { return dfas_[index]; }
  [[nodiscard]] size_t n_exprs() const { return exprs_.size(); }

 private:
  ExprId add(Expr expr);

  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
  std::vector<TextDfa> dfas_;
  RuleId root_ = 0;
};

// GBNF, the grammar notation of llama.cpp: `name ::= "text" [a-z] name (a | b)* x{2,5} .`, comments
// from # to the end of the line; the rule `root` starts. A rule goes on in the next line after ::=,
// after | or before one, and inside parentheses. kInvalidArgument with the line for what does not
// parse, kUnsupported for token references (<name>).
Result<Grammar> parse_gbnf(std::string_view source);

}  // namespace hearth::sample
