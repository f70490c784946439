// Fuzz target: any bytes as GBNF and as a JSON Schema; what compiles is walked along its masks.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sample/constraint.h"
#include "sample/schema.h"

namespace {

using namespace hearth::sample;

std::shared_ptr<const TokenTable> tokens() {
  std::vector<std::string> bytes;
  for (int b = 1; b < 256; ++b) bytes.emplace_back(1, char(b));
  for (const char* text : {"{\"", "\":", "\",", "}]", "true", "ab", "12", "é", "\\u00"})
    bytes.emplace_back(text);
  bytes.emplace_back();
  const auto end = int32_t(bytes.size()) - 1;
  return TokenTable::create(std::move(bytes), {end});
}

// Every token that a mask allows must be taken, and the texts must not get stuck.
void walk(const Grammar& grammar, size_t seed) {
  static const auto table = tokens();
  const auto constraint = Constraint::compile(grammar, table);
  if (!constraint) return;
  ConstraintState state(*constraint);
  for (size_t step = 0; step < 20 && !state.is_done(); ++step) {
    std::vector<int32_t> allowed;
    state.mask().for_each([&](int32_t id) { allowed.push_back(id); });
    if (allowed.empty()) return;  // too deep
    if (!state.accept(allowed[(seed + step * 7919) % allowed.size()])) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (const auto grammar = parse_gbnf(source)) walk(*grammar, size);
  std::vector<std::string> notes;
  for (const auto reading : {SchemaOptions::Reading::kGenerate, SchemaOptions::Reading::kStandard})
    if (const auto grammar = grammar_of_schema(source, {.reading = reading, .notes = &notes}))
      walk(*grammar, size);
  return 0;
}
