// What `hearth bench` says of its rows: as a table, as JSON, and beside those of an earlier run.
// Measures nothing.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "advise/benchmark.h"
#include "base/result.h"

namespace hearth::app::bench {

using Json = nlohmann::ordered_json;

// What all rows of one run have in common, and what tells its rows from those of another.
struct RunName {
  std::string model;  // shown as it is: no control bytes
  std::string type;   // "Q4_K_M", "Q8_0"
  int n_threads = 0;
};

std::string table_head();
std::string table_row(const advise::BenchmarkRow& row);
// "pp512", "tg64 b4 @ d4096".
std::string row_name(const advise::BenchmarkRow& row);
std::string profile_table(const backend::Profile& profile);

Json row_json(const advise::BenchmarkRow& row, const RunName& run);

// The object {"machine": ..., "rows": [...]} of an earlier --json. Errors: those of reading the
// file; kCorrupt where it is something else.
Result<Json> read_results(const std::string& path);
// The rows that both runs have, with how many times faster the new ones are: in tokens a second,
// and as shares of what the machine could do at the time, which on a shared machine says more.
std::string comparison(const Json& old_results, const Json& new_rows);

}  // namespace hearth::app::bench
