#include "sample/grammar.h"

#include <utility>

namespace hearth::sample {

ExprId Grammar::add(Expr expr) {
  exprs_.push_back(std::move(expr));
  return ExprId(exprs_.size() - 1);
}

ExprId Grammar::empty() { return add({.kind = Kind::kSequence}); }

ExprId Grammar::never() { return add({.kind = Kind::kChoice}); }

ExprId Grammar::literal(std::string_view bytes) {
  return add({.kind = Kind::kBytes, .bytes = std::string(bytes)});
}

ExprId Grammar::chars(CharSet set) { return add({.kind = Kind::kChars, .chars = std::move(set)}); }

ExprId Grammar::sequence(std::vector<ExprId> parts) {
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::kSequence, .parts = std::move(parts)});
}

ExprId Grammar::choice(std::vector<ExprId> parts) {
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::kChoice, .parts = std::move(parts)});
}

ExprId Grammar::repeat(ExprId part, int64_t min, int64_t max) {
  HEARTH_CHECK(min >= 0 && min <= kMaxRepeat && max <= kMaxRepeat && (max < 0 || min <= max));
  return add({.kind = Kind::kRepeat, .parts = {part}, .min = min, .max = max});
}

ExprId Grammar::rule(RuleId rule) { return add({.kind = Kind::kRule, .index = rule}); }

ExprId Grammar::text(TextDfa dfa, TextEncoding encoding) {
  dfas_.push_back(std::move(dfa));
  return add({.kind = Kind::kText, .index = uint32_t(dfas_.size() - 1), .encoding = encoding});
}

ExprId Grammar::until(std::string_view marker) {
  HEARTH_CHECK(!marker.empty());
  return add({.kind = Kind::kUntil, .bytes = std::string(marker)});
}

ExprId Grammar::free_text(std::vector<Marker> markers) {
  for (const Marker& marker : markers) HEARTH_CHECK(!marker.bytes.empty());
  return add({.kind = Kind::kFree, .markers = std::move(markers)});
}

ExprId Grammar::other_than(std::vector<Marker> markers) {
  for (const Marker& marker : markers) HEARTH_CHECK(!marker.bytes.empty());
  return add({.kind = Kind::kOther, .markers = std::move(markers)});
}

RuleId Grammar::add_rule(std::string name) {
  rules_.push_back({.name = std::move(name)});
  return RuleId(rules_.size() - 1);
}

void Grammar::define(RuleId rule, ExprId body) {
  rules_[rule].body = body;
  rules_[rule].is_defined = true;
}

}  // namespace hearth::sample
