// Validation of SamplerParams and the names of the stages.
#include "sample/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace hearth::sample {
namespace {

struct StageName {
  std::string_view name;
  Stage stage;
};

constexpr std::array<StageName, 13> kStageNames = {{
    {"penalties", Stage::kPenalties},
    {"dry", Stage::kDry},
    {"top_n_sigma", Stage::kTopNSigma},
    {"top_k", Stage::kTopK},
    {"typ_p", Stage::kTypicalP},
    {"top_p", Stage::kTopP},
    {"min_p", Stage::kMinP},
    {"xtc", Stage::kXtc},
    {"temperature", Stage::kTemperature},
    // aliases
    {"temp", Stage::kTemperature},
    {"typical_p", Stage::kTypicalP},
    {"typical", Stage::kTypicalP},
    {"repeat_penalty", Stage::kPenalties},
}};

struct Range {
  std::string_view field;
  double value;
  double low;
  double high;
  std::string_view meaning;  // the range in words
};

constexpr double kMaxCount = 2147483647.0;

std::unexpected<Error> out_of_range(const Range& r) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} is {}; it must be {}", r.field, r.value, r.meaning));
}

}  // namespace

Result<std::vector<Stage>> parse_order(std::string_view order) {
  std::vector<Stage> stages;
  while (!order.empty()) {
    const size_t end = std::min(order.find_first_of(";,"), order.size());
    std::string name(order.substr(0, end));
    order.remove_prefix(std::min(end + 1, order.size()));
    std::erase(name, ' ');
    std::replace(name.begin(), name.end(), '-', '_');
    if (name.empty()) continue;
    const auto* found = std::find_if(kStageNames.begin(), kStageNames.end(),
                                     [&](const StageName& s) { return s.name == name; });
    if (found == kStageNames.end()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("order names an unknown sampler '{}'", name),
                  fmt::format("the samplers are {}", kDefaultOrder));
    }
    if (std::find(stages.begin(), stages.end(), found->stage) != stages.end())
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("order names the sampler '{}' twice", name),
                  "name each sampler at most once");
    stages.push_back(found->stage);
  }
  return stages;
}

Result<void> SamplerParams::validate() const {
  const double inf = HUGE_VAL;
  const Range ranges[] = {
      {"min_keep", double(min_keep), 0, kMaxCount, "0 or more"},
      {"temperature", temperature, 0, 1e6, "0 (greedy) to 1000000"},
      {"dynatemp_range", dynatemp_range, 0, 1e6, "0 (off) to 1000000"},
      {"dynatemp_exponent", dynatemp_exponent, 0, 1e6, "0 to 1000000"},
      {"top_k", double(top_k), -inf, kMaxCount, "a whole number; 0 or less means off"},
      {"top_p", top_p, 0, 1, "0 to 1 (1 means off)"},
      {"min_p", min_p, 0, 1, "0 (off) to 1"},
      {"typical_p", typical_p, 0, 1, "0 to 1 (1 means off)"},
      {"top_n_sigma", top_n_sigma, -1e6, 1e6, "a number; 0 or less means off"},
      {"xtc_probability", xtc_probability, 0, 1, "0 (off) to 1"},
      {"xtc_threshold", xtc_threshold, 0, 1, "0 to 1 (above 0.5 means off)"},
      {"penalty_last_n", double(penalty_last_n), -1, kMaxCount, "-1 (all tokens), 0 (off) or more"},
      {"repeat_penalty", repeat_penalty, 1e-6, 1e6, "above 0, up to 1000000 (1 means off)"},
      {"frequency_penalty", frequency_penalty, -1e6, 1e6, "-1000000 to 1000000 (0 means off)"},
      {"presence_penalty", presence_penalty, -1e6, 1e6, "-1000000 to 1000000 (0 means off)"},
      {"dry_multiplier", dry_multiplier, 0, 1e6, "0 (off) to 1000000"},
      {"dry_base", dry_base, 1, 1e6, "1 to 1000000"},
      {"dry_allowed_length", double(dry_allowed_length), 0, kMaxCount, "0 or more"},
      {"dry_penalty_last_n", double(dry_penalty_last_n), -1, kMaxCount,
       "-1 (all tokens), 0 (off) or more"},
      {"mirostat", double(mirostat), 0, 2, "0 (off), 1 or 2"},
      {"mirostat_tau", mirostat_tau, 0, 1e3, "0 to 1000 bits"},
      {"mirostat_eta", mirostat_eta, 0, 1, "0 to 1"},
  };
  for (const Range& r : ranges) {
    if (!(r.value >= r.low && r.value <= r.high)) return out_of_range(r);  // NaN fails too
  }
  for (const auto& [id, bias] : logit_bias) {
    if (id < 0) return out_of_range({"logit_bias id", double(id), 0, 0, "a token id, 0 or more"});
    if (std::isnan(bias) || bias == HUGE_VALF)
      return out_of_range({"logit_bias value", bias, 0, 0, "a number or -infinity"});
  }
  for (const auto& breaker : dry_sequence_breakers) {
    if (breaker.empty())
      return fail(ErrorCode::kInvalidArgument, "dry_sequence_breakers holds an empty sequence",
                  "leave empty breakers out");
  }
  HEARTH_TRY(parse_order(order));
  return {};
}

}  // namespace hearth::sample
