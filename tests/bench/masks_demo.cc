// masks_demo VOCABULARY.gguf [SCHEMA.json|GRAMMAR.gbnf|FOLDER...]: what constraints cost per token,
// on a real vocabulary. For every schema, random texts are written under it (each token drawn from
// the mask, short ones and ends preferred), and mask() + accept() timed. Without files: a few
// built-in ones. Prints microseconds of CPU time.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/output_format.h"
#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "sample/constraint.h"
#include "sample/rng.h"
#include "sample/schema.h"

namespace {

using namespace hearth;

// CPU time of this thread: what other programs take does not count.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Clock, duration>;
  static time_point now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
};

struct Case {
  std::string name;
  std::string text;
  bool gbnf = false;
};

struct Times {
  std::vector<double> mask_us;
  std::vector<double> compile_ms;
  size_t n_tokens = 0;
};

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, size_t(q * double(values.size())))];
}

std::vector<Case> built_in() {
  return {
      {"any JSON", "true"},
      {"person",
       R"({"properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0},
        "email": {"type": "string", "format": "email"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "age", "email", "tags"]})"},
      {"lengths",
       R"({"properties": {"title": {"type": "string", "maxLength": 200}, "code": {"type": "string",
        "pattern": "^[A-Z]{2,4}-[0-9]{4}$"}, "when": {"type": "string", "format": "date-time"}},
        "required": ["title", "code", "when"]})"},
      {"tree",
       R"({"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"v": {"type": "number"}, "s": {"type":
        "string"}, "c": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "required": ["v", "s", "c"]}}})"},
      {"arithmetic",
       "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num "
       "| "
       "\"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ "
       "\\t\\n]*",
       true},
  };
}

Result<sample::Grammar> grammar_of(const Case& c) {
  return c.gbnf ? sample::parse_gbnf(c.text) : sample::grammar_of_schema(c.text);
}

// One text of at most 300 tokens.
void write_text(sample::ConstraintState& state, sample::Rng& rng, Times& times) {
  for (int i = 0; i < 300 && !state.is_done(); ++i) {
    const auto begin = Clock::now();
    const sample::TokenMask& mask = state.mask();
    const double mask_us = us_since(begin);
    std::vector<int32_t> ids;
    mask.for_each([&](int32_t id) { ids.push_back(id); });
    if (ids.empty()) return;
    // The shortest of some: texts then end now and then.
    int32_t best = ids[size_t(rng.uniform() * double(ids.size()))];
    for (int k = 0; k < 8; ++k) {
      const int32_t id = ids[size_t(rng.uniform() * double(ids.size()))];
      const auto& tokens = state.constraint().tokens();
      if (tokens.bytes(id).size() < tokens.bytes(best).size()) best = id;
    }
    const auto accept_begin = Clock::now();
    state.accept(best);
    times.mask_us.push_back(mask_us + us_since(accept_begin));
    ++times.n_tokens;
  }
}

bool run_case(const Case& c, const std::shared_ptr<const sample::TokenTable>& tokens, Times& all,
              bool print) {
  Times times;
  const auto begin = Clock::now();
  auto grammar = grammar_of(c);
  if (!grammar) return false;
  auto constraint = sample::Constraint::compile(*grammar, tokens);
  if (!constraint) return false;
  const double compile_ms = us_since(begin) / 1000;
  sample::Rng rng(1);
  for (int round = 0; round < 5; ++round) {
    sample::ConstraintState state(*constraint);
    write_text(state, rng, times);
  }
  if (print)
    fmt::print("{:<28} {:>7.1f} ms {:>8} states {:>6} tokens {:>8.1f} {:>8.1f} {:>8.1f} us\n",
               c.name, compile_ms, (*constraint)->automaton().n_states(), times.n_tokens,
               quantile(times.mask_us, 0.5), quantile(times.mask_us, 0.99),
               quantile(times.mask_us, 1));
  all.compile_ms.push_back(compile_ms);
  all.mask_us.insert(all.mask_us.end(), times.mask_us.begin(), times.mask_us.end());
  all.n_tokens += times.n_tokens;
  return true;
}

// A file: a grammar, a schema, or an entry of maskbench (an object with "schema").
Case read_case(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  Case c{path.filename(), {std::istreambuf_iterator<char>(in), {}}, path.extension() == ".gbnf"};
  if (c.gbnf) return c;
  const auto json = nlohmann::ordered_json::parse(c.text, nullptr, false);
  if (json.is_object() && json.contains("schema") && json.contains("tests"))
    c.text = json["schema"].dump();
  return c;
}

int run(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("Usage: masks_demo VOCABULARY.gguf [FILE|FOLDER...]\n");
    return 2;
  }
  auto file = format::ModelFile::open(argv[1]);
  auto tokenizer = file ? model::load_tokenizer(file->metadata()) : std::unexpected(file.error());
  if (!tokenizer) {
    fmt::print("{}\n", tokenizer.error().message);
    return 1;
  }
  const auto begin = Clock::now();
  const auto tokens =
      app::token_table(**tokenizer, size_t((*tokenizer)->n_tokens()), (*tokenizer)->eog_ids());
  fmt::print("{} tokens, table made in {:.0f} ms\n", tokens->n_vocab(), us_since(begin) / 1000);
  fmt::print("{:<28} {:>10} {:>15} {:>13} {:>8} {:>8} {:>8}\n", "", "compiled", "", "", "median",
             "p99", "max");
  std::vector<Case> cases;
  for (int i = 2; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      cases.push_back(read_case(argv[i]));
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      cases.push_back(read_case(entry.path()));
  }
  const bool print = cases.size() <= 40;
  if (cases.empty()) cases = built_in();
  Times all;
  size_t n_refused = 0;
  for (const Case& c : cases)
    if (!run_case(c, tokens, all, print)) ++n_refused;
  fmt::print(
      "all: {} compiled ({} refused) in {:.1f} ms median, {:.1f} p99, {:.1f} max; {} tokens: "
      "{:.1f} us median, "
      "{:.1f} p99, {:.1f} max\n",
      all.compile_ms.size(), n_refused, quantile(all.compile_ms, 0.5),
      quantile(all.compile_ms, 0.99), quantile(all.compile_ms, 1), all.n_tokens,
      quantile(all.mask_us, 0.5), quantile(all.mask_us, 0.99), quantile(all.mask_us, 1));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv); }
