// How a token is chosen, setting by setting: the one table from which come the options of `hearth
// run`, the names of `/set parameter`, their help, and the keys under which a model's file
// recommends values. Pure data; chat_parameters.cc reads and writes the values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/command.h"
#include "sample/params.h"

namespace hearth::app {

struct SamplingSetting {
  enum class Kind : uint8_t {
    kReal,      // the member `real`
    kWhole,     // the member `whole`
    kSeed,      // SamplerParams::seed
    kOrder,     // SamplerParams::order
    kBiases,    // SamplerParams::logit_bias
    kBreakers,  // texts; whoever has a tokenizer makes dry_sequence_breakers of them
  };

  Kind kind = Kind::kReal;
  std::string_view parameter;       // of /set parameter: Ollama's name where it has one
  std::string_view model_key = {};  // general.sampling.<key> of a model's file; empty: none
  float sample::SamplerParams::* real = nullptr;
  int sample::SamplerParams::* whole = nullptr;
  // The ranges are those of SamplerParams::validate(), so none stands here; and a default_note is
  // the default of SamplerParams, to which a test holds it.
  Option option;
};

namespace sampling_rows {

using Params = sample::SamplerParams;
using Kind = SamplingSetting::Kind;

struct Names {
  std::string_view option;
  std::string_view parameter;
  std::string_view model_key = {};
  std::string_view second_option = {};
};

constexpr Option option(const Names& names, OptionKind kind, std::string_view help,
                        std::string_view by_default) {
  return {.name = names.option,
          .short_name = names.second_option,
          .kind = kind,
          .value_name = "N",
          .help = help,
          .default_note = by_default};
}

constexpr SamplingSetting real(const Names& names, float Params::* member, std::string_view help,
                               std::string_view by_default) {
  return {.kind = Kind::kReal,
          .parameter = names.parameter,
          .model_key = names.model_key,
          .real = member,
          .option = option(names, OptionKind::kFloat, help, by_default)};
}

constexpr SamplingSetting whole(const Names& names, int Params::* member, std::string_view help,
                                std::string_view by_default) {
  return {.kind = Kind::kWhole,
          .parameter = names.parameter,
          .model_key = names.model_key,
          .whole = member,
          .option = option(names, OptionKind::kInt, help, by_default)};
}

}  // namespace sampling_rows

inline constexpr SamplingSetting kChoosingSettings[] = {
    sampling_rows::real({"--temperature", "temperature", "temp", "--temp"},
                        &sample::SamplerParams::temperature,
                        "how freely words are chosen; 0 always takes the likeliest", "0.8"),
    sampling_rows::whole({"--top-k", "top_k", "top_k"}, &sample::SamplerParams::top_k,
                         "choose among this many likeliest tokens; 0 for all", "40"),
    sampling_rows::real({"--top-p", "top_p", "top_p"}, &sample::SamplerParams::top_p,
                        "choose among the likeliest tokens that hold this share together; 1 for "
                        "all",
                        "0.95"),
    sampling_rows::real({"--min-p", "min_p", "min_p"}, &sample::SamplerParams::min_p,
                        "leave out tokens less likely than this share of the likeliest; 0 for "
                        "none",
                        "0.05"),
    sampling_rows::real({"--typical-p", "typical_p"}, &sample::SamplerParams::typical_p,
                        "keep tokens of typical surprise up to this share; 1 is off", "1"),
    sampling_rows::real({"--top-n-sigma", "top_n_sigma"}, &sample::SamplerParams::top_n_sigma,
                        "keep tokens within this many deviations of the best logit; 0 or less is "
                        "off",
                        "-1"),
    sampling_rows::whole({"--min-keep", "min_keep"}, &sample::SamplerParams::min_keep,
                         "leave at least this many tokens to choose among", "0"),
    {.kind = SamplingSetting::Kind::kSeed,
     .parameter = "seed",
     .option = {.name = "--seed",
                .kind = OptionKind::kUint,
                .value_name = "N",
                .help = "the same seed gives the same answer",
                .default_note = "a new one for every answer"}},
    {.kind = SamplingSetting::Kind::kOrder,
     .parameter = "samplers",
     .model_key = "sequence",
     .option = {.name = "--samplers",
                .kind = OptionKind::kString,
                .value_name = "ORDER",
                .help = "the stages of choosing in their order, with semicolons between them; "
                        "what is left out is off",
                .default_note = sample::kDefaultOrder}},
    {.kind = SamplingSetting::Kind::kBiases,
     .parameter = "logit_bias",
     .option = {.name = "--logit-bias",
                .kind = OptionKind::kString,
                .value_name = "ID+N",
                .help = "make the token of this id likelier (15043+1.5), less likely (15043-1) "
                        "or impossible (15043-inf)",
                .repeats = true}},
};

inline constexpr SamplingSetting kRepetitionSettings[] = {
    sampling_rows::real({"--repeat-penalty", "repeat_penalty", "penalty_repeat"},
                        &sample::SamplerParams::repeat_penalty,
                        "divide the logits of what has occurred by this; 1 is off", "1"),
    sampling_rows::whole({"--repeat-last-n", "repeat_last_n", "penalty_last_n"},
                         &sample::SamplerParams::penalty_last_n,
                         "how many tokens back the penalties look; 0 is off, -1 for all", "64"),
    sampling_rows::real({"--presence-penalty", "presence_penalty"},
                        &sample::SamplerParams::presence_penalty,
                        "take this once from the logit of what has occurred; 0 is off", "0"),
    sampling_rows::real({"--frequency-penalty", "frequency_penalty"},
                        &sample::SamplerParams::frequency_penalty,
                        "take this for every time that it has occurred; 0 is off", "0"),
    sampling_rows::real({"--dry-multiplier", "dry_multiplier"},
                        &sample::SamplerParams::dry_multiplier,
                        "DRY: how strongly repeated phrases are avoided; 0 is off", "0"),
    sampling_rows::real({"--dry-base", "dry_base"}, &sample::SamplerParams::dry_base,
                        "DRY: how the penalty grows with each token of the phrase", "1.75"),
    sampling_rows::whole({"--dry-allowed-length", "dry_allowed_length"},
                         &sample::SamplerParams::dry_allowed_length,
                         "DRY: phrases shorter than this may be repeated", "2"),
    sampling_rows::whole({"--dry-penalty-last-n", "dry_penalty_last_n"},
                         &sample::SamplerParams::dry_penalty_last_n,
                         "DRY: how many tokens back it looks; 0 is off, -1 for all", "-1"),
    {.kind = SamplingSetting::Kind::kBreakers,
     .parameter = "dry_sequence_breakers",
     .option = {.name = "--dry-sequence-breaker",
                .kind = OptionKind::kString,
                .value_name = "TEXT",
                .help = "DRY: a phrase ends at this text (\\n is a newline), in place of the "
                        "usual ones; none for no such text",
                .default_note = R"("\n" ":" "\"" "*")",
                .repeats = true}},
};

inline constexpr SamplingSetting kSurpriseSettings[] = {
    sampling_rows::real({"--dynatemp-range", "dynatemp_range"},
                        &sample::SamplerParams::dynatemp_range,
                        "the temperature moves by up to this with the model's uncertainty; 0 is "
                        "off",
                        "0"),
    sampling_rows::real({"--dynatemp-exp", "dynatemp_exponent"},
                        &sample::SamplerParams::dynatemp_exponent, "the exponent of that movement",
                        "1"),
    sampling_rows::whole({"--mirostat", "mirostat", "mirostat"}, &sample::SamplerParams::mirostat,
                         "hold the surprise steady with mirostat 1 or 2, in place of top-k to XTC; "
                         "0 is off",
                         "0"),
    sampling_rows::real({"--mirostat-ent", "mirostat_tau", "mirostat_tau"},
                        &sample::SamplerParams::mirostat_tau,
                        "mirostat: the wanted surprise in bits", "5"),
    sampling_rows::real({"--mirostat-lr", "mirostat_eta", "mirostat_eta"},
                        &sample::SamplerParams::mirostat_eta, "mirostat: how fast it is corrected",
                        "0.1"),
    sampling_rows::real({"--xtc-probability", "xtc_probability", "xtc_probability"},
                        &sample::SamplerParams::xtc_probability,
                        "XTC: how often the likeliest of the likely tokens are left out; 0 is off",
                        "0"),
    sampling_rows::real({"--xtc-threshold", "xtc_threshold", "xtc_threshold"},
                        &sample::SamplerParams::xtc_threshold,
                        "XTC: what counts as likely; above 0.5 is off", "0.1"),
};

template <size_t n>
constexpr std::array<Option, n> options_of(const SamplingSetting (&settings)[n]) {
  std::array<Option, n> options{};
  for (size_t i = 0; i < n; ++i) options[i] = settings[i].option;
  return options;
}

}  // namespace hearth::app
