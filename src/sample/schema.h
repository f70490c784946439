// JSON Schema -> Grammar. What the schema demands is either honoured exactly or more narrowly (all
// that can be written is valid), or refused with the keyword and its place;
// docs/structured-output.md has the list. Objects have their properties in the order of the schema.
//
// White space that can be written: after { [ , and : and before } and ], nothing, one space, or a
// newline with up to 20 spaces or tabs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sample/grammar.h"

namespace hearth::sample {

struct SchemaOptions {
  enum class Reading {
    // For people and models. Without `type`, the keywords tell it (`properties`: an object), and at
    // the top an object is meant; what `properties` and `prefixItems` do not name is not written
    // unless asked for; numbers have at most 16 digits before and behind the point.
    kGenerate,
    // To the letter: without `type` anything goes, objects are open, numbers are unbounded.
    kStandard,
  };
  Reading reading = Reading::kGenerate;
  // Keywords that may be left unenforced where they would be refused (uniqueItems, format, ...).
  std::vector<std::string> unenforced = {};
  // The schema is that of a part, a tool's parameter: an empty one means any value at the top too.
  bool is_part = false;
  // How true, false and null are written: kEither also as True, False and None. kPython: so too,
  // and strings without quotes and backslashes may stand between single quotes.
  enum class Words { kJson, kPython, kEither };
  Words words = Words::kJson;
  // If set: what stands around strings in place of quotes. Then nothing in them is escaped and it
  // does not occur in them, names of properties have nothing around them, and there is no white
  // space. A byte 0xff in it (that is no text) is not looked for in strings.
  std::string quote = {};
  // If set: gets a sentence for everything that is not enforced, with its place.
  std::vector<std::string>* notes = nullptr;
};

// Adds the rules for the JSON texts that are valid under the schema (JSON text), and returns the
// first of them, for use in a larger grammar (a tool call: literal, rule, literal).
// kInvalidArgument: not JSON, not a schema, contradictory. kUnsupported: keyword and place.
Result<RuleId> add_schema(Grammar& grammar, std::string_view schema,
                          const SchemaOptions& options = {});
// The same for the strings that are valid under the schema, as they are: without quotes, nothing
// escaped. `except`: regular expressions (sample/pattern.h); what matches one is not written.
Result<RuleId> add_text_schema(Grammar& grammar, std::string_view schema,
                               const std::vector<std::string>& except,
                               const SchemaOptions& options = {});
// The grammar of the schema alone.
Result<Grammar> grammar_of_schema(std::string_view schema, const SchemaOptions& options = {});

// Any JSON object.
Grammar grammar_of_any_json();

}  // namespace hearth::sample
