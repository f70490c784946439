// The JSON Schema Test Suite and maskbench against the grammars: every valid instance can be
// written, no invalid one can. Keeps the tables of docs/structured-output.md: with
// HEARTH_WRITE_DOCS=1 they are written, otherwise compared.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "sample/grammar_test_util.h"
#include "sample/number_text.h"
#include "sample/schema.h"

namespace hearth::sample {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr size_t kMaxOrders = 150;

// How often each outcome came.
struct Counts {
  size_t schemas = 0;
  size_t refused = 0;
  size_t exact = 0;     // instances
  size_t narrower = 0;  // valid, but cannot be written
  size_t wrong = 0;     // invalid, but can be written
  std::map<std::string, size_t> reasons = {};
};

// Names in the order in which properties of the schema (and then required ones) are met.
void collect_names(const Json& schema, std::map<std::string, size_t>& rank) {
  if (schema.is_array())
    for (const Json& part : schema) collect_names(part, rank);
  if (!schema.is_object()) return;
  if (const auto it = schema.find("properties"); it != schema.end() && it->is_object())
    for (auto p = it->begin(); p != it->end(); ++p) rank.try_emplace(p.key(), rank.size());
  for (auto it = schema.begin(); it != schema.end(); ++it) collect_names(*it, rank);
}

Json in_order(const Json& value, const std::map<std::string, size_t>& rank) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& part : value) out.push_back(in_order(part, rank));
    return out;
  }
  if (!value.is_object()) return value;
  std::vector<std::pair<size_t, std::string>> keys;
  for (auto it = value.begin(); it != value.end(); ++it) {
    const auto place = rank.find(it.key());
    keys.emplace_back(place == rank.end() ? rank.size() : place->second, it.key());
  }
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Json out = Json::object();
  for (const auto& [place, key] : keys) out[key] = in_order(value.at(key), rank);
  return out;
}

// The value with its keys in every order, up to a bound.
std::vector<Json> orders(const Json& value) {
  if (!value.is_structured() || value.empty()) return {value};
  std::vector<std::string> keys;
  if (value.is_object())
    for (auto it = value.begin(); it != value.end(); ++it) keys.push_back(it.key());
  std::vector<Json> out;
  std::vector<size_t> places(value.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  do {
    std::vector<Json> partial = {value.is_object() ? Json::object() : Json::array()};
    for (const size_t i : places) {
      const auto parts = orders(value.is_object() ? value.at(keys[i]) : value.at(i));
      std::vector<Json> next;
      for (const Json& p : partial) {
        for (const Json& part : parts) {
          if (next.size() + out.size() > kMaxOrders) break;
          next.push_back(p);
          if (value.is_object())
            next.back()[keys[i]] = part;
          else
            next.back().push_back(part);
        }
      }
      partial = std::move(next);
    }
    out.insert(out.end(), partial.begin(), partial.end());
  } while (value.is_object() && out.size() < kMaxOrders &&
           std::next_permutation(places.begin(), places.end()));
  return out;
}

// Compact, or with a space behind , and :, as most programs write it; numbers without exponent.
std::string written(const Json& value, std::string_view space) {
  if (value.is_number_float()) {
    const auto decimal = Decimal::parse(value.dump());
    return value.dump().find('e') != std::string::npos && decimal ? decimal->text() : value.dump();
  }
  if (!value.is_structured()) return value.dump();
  std::string out(value.is_object() ? "{" : "[");
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (it != value.begin()) out.append(",").append(space);
    if (value.is_object()) out += Json(it.key()).dump() + ":" + std::string(space);
    out += written(*it, space);
  }
  return out + (value.is_object() ? "}" : "]");
}

bool can_be_written(const std::shared_ptr<const Constraint>& constraint, const Json& instance) {
  for (const Json& value : orders(instance)) {
    const bool compact = matches(constraint, written(value, ""));
    if (compact && matches(constraint, written(value, " "))) return true;
    EXPECT_FALSE(compact) << written(value, " ");
  }
  return false;
}

// "x at #/y cannot..." -> "x"
std::string reason(const std::string& message) { return message.substr(0, message.find(' ')); }

void run(const Json& schema, const Json& tests, Counts& counts, const std::string& where) {
  ++counts.schemas;
  auto grammar = grammar_of_schema(schema.dump(), {.reading = SchemaOptions::Reading::kStandard});
  std::shared_ptr<const Constraint> constraint;
  bool nothing = false;  // no instance at all: fine, if all are invalid
  if (grammar) {
    auto compiled = Constraint::compile(*grammar, byte_tokens());
    if (compiled) constraint = *compiled;
    nothing = !compiled && compiled.error().code == ErrorCode::kInvalidArgument;
    if (!compiled && !nothing) grammar = std::unexpected(compiled.error());
  }
  if (!grammar) {
    ++counts.refused;
    ++counts.reasons[reason(grammar.error().message)];
    return;
  }
  std::map<std::string, size_t> rank;
  collect_names(schema, rank);
  for (const Json& test : tests) {
    const bool valid = test["valid"];
    const bool writable = !nothing && can_be_written(constraint, in_order(test["data"], rank));
    if (writable == valid) {
      ++counts.exact;
      continue;
    }
    ++(valid ? counts.narrower : counts.wrong);
    if (std::getenv("HEARTH_SUITE_VERBOSE") != nullptr || !valid)
      fmt::print("{} {}: {} {}\n  schema {}\n", valid ? "narrower" : "WRONG", where,
                 test.value("description", ""), test["data"].dump().substr(0, 300),
                 schema.dump().substr(0, 600));
  }
}

std::string table_of(const fs::path& folder, bool old_draft, size_t& n_wrong, size_t& n_exact) {
  std::map<std::string, Counts> rows;
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".json") files.push_back(file.path());
  for (const char* more : {"optional/ecmascript-regex.json", "optional/non-bmp-regex.json",
                           "optional/bignum.json", "optional/format-assertion.json"})
    if (fs::exists(folder / more)) files.push_back(folder / more);
  if (fs::exists(folder / "optional" / "format"))
    for (const auto& file : fs::directory_iterator(folder / "optional" / "format"))
      files.push_back(file.path());
  for (const fs::path& file : files) {
    const std::string name = fs::relative(file, folder).replace_extension().string();
    for (const Json& group : Json::parse(read_text(file))) {
      Json schema = group["schema"];
      if (old_draft && schema.is_object() && !schema.contains("$schema"))
        schema["$schema"] = "http://json-schema.org/draft-07/schema#";
      run(schema, group["tests"], rows[name],
          name + ": " + group["description"].get<std::string>());
    }
  }
  std::string out =
      "| tests of | schemas | refused | exact | narrower | wrong | refused because of |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n";
  Counts sum;
  for (const auto& [name, c] : rows) {
    std::string reasons;
    for (const auto& [word, n] : c.reasons) reasons += fmt::format("{} ({}) ", word, n);
    if (!reasons.empty()) reasons.pop_back();
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", name, c.schemas, c.refused,
                       c.exact, c.narrower, c.wrong, reasons);
    sum.schemas += c.schemas;
    sum.refused += c.refused;
    sum.exact += c.exact;
    sum.narrower += c.narrower;
    sum.wrong += c.wrong;
  }
  out += fmt::format("| **all** | {} | {} | {} | {} | {} | |\n", sum.schemas, sum.refused,
                     sum.exact, sum.narrower, sum.wrong);
  n_wrong += sum.wrong;
  n_exact += sum.exact;
  return out;
}

// Compares (or writes) what stands between two marks of the page.
void keep_in_docs(const std::string& mark, const std::string& table) {
  const fs::path path = fs::path(HEARTH_SOURCE_DIR) / "docs" / "structured-output.md";
  std::string page = read_text(path);
  const std::string begin = "<!-- " + mark + " -->\n\n";
  const std::string end = "\n<!-- end of " + mark + " -->";
  const size_t from = page.find(begin);
  const size_t to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << path;
  ASSERT_GE(to, from + begin.size());
  if (std::getenv("HEARTH_WRITE_DOCS") != nullptr) {
    page.replace(from + begin.size(), to - from - begin.size(), table);
    std::ofstream(path, std::ios::binary) << page;
    return;
  }
  EXPECT_EQ(page.substr(from + begin.size(), to - from - begin.size()), table)
      << "run this test with HEARTH_WRITE_DOCS=1 to write the table anew";
}

class SchemaSuite : public testing::TestWithParam<std::pair<const char*, bool>> {};

TEST_P(SchemaSuite, WritesExactlyWhatIsValid) {
  const auto [draft, old] = GetParam();
  const fs::path folder = grammar_data() / "JSON-Schema-Test-Suite" / draft;
  if (!fs::exists(folder)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  size_t n_wrong = 0;
  size_t n_exact = 0;
  const std::string table = table_of(folder, old, n_wrong, n_exact);
  EXPECT_EQ(n_wrong, 0u);
  EXPECT_GT(n_exact, 500u);
  keep_in_docs(std::string("suite ") + draft, table);
}

INSTANTIATE_TEST_SUITE_P(Drafts, SchemaSuite,
                         testing::Values(std::pair{"draft2020-12", false},
                                         std::pair{"draft7", true}));

TEST(SchemaMaskbench, WritesNothingInvalid) {
  const fs::path folder = grammar_data() / "maskbench";
  if (!fs::exists(folder)) GTEST_SKIP() << "no ../shared/data/grammar-schema here";
  Counts counts;
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const Json entry = Json::parse(read_text(file));
    run(entry["schema"], entry["tests"], counts, file.filename());
  }
  EXPECT_EQ(counts.wrong, 0u);
  std::string reasons;
  for (const auto& [word, n] : counts.reasons) reasons += fmt::format("{} ({}) ", word, n);
  keep_in_docs("maskbench",
               fmt::format("| schemas | refused | exact | narrower | wrong | refused because of |\n"
                           "| ---: | ---: | ---: | ---: | ---: | --- |\n"
                           "| {} | {} | {} | {} | {} | {}|\n",
                           counts.schemas, counts.refused, counts.exact, counts.narrower,
                           counts.wrong, reasons));
}

}  // namespace
}  // namespace hearth::sample
