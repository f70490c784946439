#include "app/bench_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "base/small_file.h"

namespace hearth::app::bench {
namespace {

constexpr size_t kResultBytesMax = size_t{64} << 20;

// What makes two rows the same test. "model" is compared only where both have it.
constexpr const char* kKeyNumbers[] = {"n_prompt", "n_gen", "depth", "batch"};

double deviation(const std::vector<double>& samples) {
  double mean = 0;
  for (const double s : samples) mean += s / double(samples.size());
  double squares = 0;
  for (const double s : samples) squares += (s - mean) * (s - mean);
  return samples.size() < 2 ? 0 : std::sqrt(squares / double(samples.size() - 1));
}

std::string name_of(std::string_view test, int64_t n, int64_t n_sequences, int64_t depth) {
  return fmt::format("{}{}{}{}", test, n, n_sequences > 1 ? fmt::format(" b{}", n_sequences) : "",
                     depth > 0 ? fmt::format(" @ d{}", depth) : "");
}

double number(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_string() ? found->get<std::string>() : "";
}

bool is_row(const Json& row) {
  if (!row.is_object() || text(row, "test").empty() || !(number(row, "tokens_per_second") > 0))
    return false;
  for (const char* key : kKeyNumbers)
    if (!(std::abs(number(row, key)) <= 1e15)) return false;
  return true;
}

bool same_test(const Json& a, const Json& b) {
  for (const char* key : kKeyNumbers)
    if (number(a, key) != number(b, key)) return false;
  const std::string model_a = text(a, "model");
  const std::string model_b = text(b, "model");
  return text(a, "test") == text(b, "test") && text(a, "type") == text(b, "type") &&
         (model_a.empty() || model_b.empty() || model_a == model_b);
}

std::string ratio(const Json& before, const Json& now, const char* key) {
  const double old_number = number(before, key);
  return old_number > 0 ? fmt::format("{:.3f}", number(now, key) / old_number) : "-";
}

Json profile_json(const backend::Profile& profile) {
  double total = 0;
  for (const backend::Profile::Row& row : profile.rows) total += row.seconds;
  Json rows = Json::array();
  for (const backend::Profile::Row& row : profile.rows)
    rows.push_back({{"name", row.name},
                    {"calls", row.n_calls},
                    {"milliseconds", 1e3 * row.seconds},
                    {"percent", total > 0 ? 100 * row.seconds / total : 0}});
  return rows;
}

}  // namespace

std::string table_head() {
  return "|                test |      tokens/s        |   GB/s | % bandwidth |  GMAC/s |  % peak "
         "|\n"
         "|--------------------:|---------------------:|-------:|------------:|--------:|--------:|"
         "\n";
}

std::string row_name(const advise::BenchmarkRow& row) {
  return name_of(row.test, row.n_prompt + row.n_gen, row.n_sequences, row.depth);
}

std::string table_row(const advise::BenchmarkRow& row) {
  return fmt::format(
      "| {:>19} | {:>10.2f} +- {:<6.2f} | {:>6.1f} | {:>11.1f} | {:>7.1f} | {:>7.1f} |\n",
      row_name(row), row.tokens_per_second, deviation(row.samples), row.bytes_per_second / 1e9,
      row.percent_of_bandwidth, row.macs_per_second / 1e9, row.percent_of_peak);
}

std::string profile_table(const backend::Profile& profile) {
  double total = 0;
  for (const backend::Profile::Row& row : profile.rows) total += row.seconds;
  std::string out =
      "    |      operation |   calls |         ms |     % |\n"
      "    |---------------:|--------:|-----------:|------:|\n";
  for (const backend::Profile::Row& row : profile.rows)
    out += fmt::format("    | {:>14} | {:>7} | {:>10.2f} | {:>5.1f} |\n", row.name, row.n_calls,
                       1e3 * row.seconds, total > 0 ? 100 * row.seconds / total : 0);
  return out;
}

Json row_json(const advise::BenchmarkRow& row, const RunName& run) {
  Json json = {{"model", run.model},
               {"type", run.type},
               {"threads", run.n_threads},
               {"test", row.test},
               {"n_prompt", row.n_prompt},
               {"n_gen", row.n_gen},
               {"depth", row.depth},
               {"batch", row.batch},
               {"tokens_per_second", row.tokens_per_second},
               {"samples", row.samples},
               {"bytes_per_token", row.bytes_per_token},
               {"gigabytes_per_second", row.bytes_per_second / 1e9},
               {"percent_of_bandwidth", row.percent_of_bandwidth},
               {"macs_per_second", row.macs_per_second},
               {"percent_of_peak", row.percent_of_peak},
               {"machine_bytes_per_second", row.limits.bytes_per_second},
               {"machine_int_macs_per_second", row.limits.int_macs_per_second},
               {"machine_float_macs_per_second", row.limits.float_macs_per_second}};
  if (!row.profile.rows.empty()) json["profile"] = profile_json(row.profile);
  return json;
}

Result<Json> read_results(const std::string& path) {
  HEARTH_ASSIGN(const std::string bytes, read_small_file(path, kResultBytesMax));
  Json json = Json::parse(bytes, nullptr, false);
  bool good = json.is_object() && json.contains("rows") && json["rows"].is_array();
  if (good)
    for (const Json& row : json["rows"]) good = good && is_row(row);
  if (!good)
    return fail(ErrorCode::kCorrupt,
                fmt::format("'{}' holds no results of a benchmark", printable(path)),
                "give a file that `hearth bench --json FILE` wrote");
  return json;
}

std::string comparison(const Json& old_results, const Json& new_rows) {
  std::string table;
  for (const Json& now : new_rows)
    for (const Json& before : old_results["rows"]) {
      if (!same_test(before, now)) continue;
      const auto n = int64_t(number(now, "n_prompt") + number(now, "n_gen"));
      const bool generates = number(now, "n_gen") > 0;
      const std::string name =
          name_of(text(now, "test"), n, generates ? int64_t(number(now, "batch")) : 1,
                  int64_t(number(now, "depth")));
      table += fmt::format("| {:>19} | {:>9.2f} | {:>9.2f} | {:>6} | {:>11} | {:>6} |\n", name,
                           number(before, "tokens_per_second"), number(now, "tokens_per_second"),
                           ratio(before, now, "tokens_per_second"),
                           ratio(before, now, "percent_of_bandwidth"),
                           ratio(before, now, "percent_of_peak"));
      break;
    }
  if (table.empty()) return "no row of the old results is the same test as one of these\n";
  return "|                test |   old t/s |   new t/s |  ratio | % bandwidth | % peak |\n"
         "|--------------------:|----------:|----------:|-------:|------------:|-------:|\n" +
         table;
}

}  // namespace hearth::app::bench
