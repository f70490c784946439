#include "app/chat_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "app/options.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

using sample::SamplerParams;
using Kind = SamplingSetting::Kind;
using Values = ChatParameter::Values;
using Target = ChatParameterTarget;

template <class T>
Result<T> parse_number(const ChatParameter& parameter, Values values) {
  const std::string& text = values.back();
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not {} for {}", printable(text, 60),
                            std::is_floating_point_v<T> ? "a number" : "a whole number in range",
                            parameter.name));
  return value;
}

// Sets one member and takes it back if the whole is then out of range.
template <class T>
Result<void> set_member(T& member, T value, const SamplerParams& whole) {
  T before = std::exchange(member, std::move(value));
  auto valid = whole.validate();
  if (!valid) member = std::move(before);
  return valid;
}

// ---- lists of texts

// As texts are typed where a line break cannot be: "\n" is one. Other backslashes stay.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view kLetters = "nrt\\\"";
    constexpr std::string_view kMeanings = "\n\r\t\\\"";
    const size_t which =
        text[i] == '\\' && i + 1 < text.size() ? kLetters.find(text[i + 1]) : std::string::npos;
    if (which == std::string::npos) {
      out += text[i];
    } else {
      out += kMeanings[which];
      ++i;
    }
  }
  return out;
}

std::string quoted_list(std::span<const std::string> texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (!all.empty()) all += ' ';
    all += '"';
    for (const char c : text) {
      if (c == '\n')
        all += "\\n";
      else if (c == '"' || c == '\\')
        all += {'\\', c};
      else
        all += c;
    }
    all += '"';
  }
  return all;
}

// The place of the quote that ends what begins at `begin`; npos: none.
size_t closing_quote(std::string_view text, size_t begin) {
  for (size_t at = begin; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      return at;
  }
  return std::string_view::npos;
}

// Words separated by spaces; "..." holds one with spaces in it.
std::vector<std::string> split_quoted(std::string_view text) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string_view::npos) {
    const size_t close = text[at] == '"' ? closing_quote(text, at + 1) : std::string_view::npos;
    const bool quoted = close != std::string_view::npos;
    const size_t begin = quoted ? at + 1 : at;
    const size_t end = quoted ? close : std::min(text.find(' ', at), text.size());
    if (end > begin) words.emplace_back(text.substr(begin, end - begin));
    at = quoted ? end + 1 : end;
  }
  return words;
}

std::vector<std::string> texts_of(Values values) {
  std::vector<std::string> texts;
  for (const std::string& value : values)
    if (!value.empty()) texts.push_back(unescaped(value));
  return texts;
}

// ---- how tokens are chosen

// "15043+1.5", "15043-inf"
Result<std::pair<int32_t, float>> parse_bias(const std::string& text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  int32_t id = 0;
  const auto [after_id, id_code] = std::from_chars(begin, end, id);
  const bool has_sign = after_id != end && (*after_id == '+' || *after_id == '-');
  float bias = 0;
  if (has_sign && id_code == std::errc() && id >= 0) {
    const auto [after, code] = std::from_chars(after_id + 1, end, bias);
    if (code == std::errc() && after == end && after_id[1] != '-')
      return std::pair{id, *after_id == '-' ? -bias : bias};
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'{}' is not a token id, a sign and a number", printable(text, 60)),
              "write for example 15043+1.5, or 15043-inf to forbid the token");
}

Result<void> set_biases(Values values, SamplerParams& sampling) {
  std::vector<std::pair<int32_t, float>> biases;
  for (const std::string& value : values) {
    HEARTH_ASSIGN(const auto bias, parse_bias(value));
    biases.push_back(bias);
  }
  return set_member(sampling.logit_bias, std::move(biases), sampling);
}

Result<void> set_sampling(const ChatParameter& parameter, Values values, const Target& target) {
  SamplerParams& sampling = target.settings.sampling;
  switch (parameter.sampling->kind) {
    case Kind::kReal: {
      HEARTH_ASSIGN(const float value, parse_number<float>(parameter, values));
      return set_member(sampling.*parameter.sampling->real, value, sampling);
    }
    case Kind::kWhole: {
      HEARTH_ASSIGN(const int value, parse_number<int>(parameter, values));
      return set_member(sampling.*parameter.sampling->whole, value, sampling);
    }
    case Kind::kSeed: {
      HEARTH_ASSIGN(sampling.seed, parse_number<uint64_t>(parameter, values));
      target.settings.seed_given = true;
      return {};
    }
    case Kind::kOrder:
      return set_member(sampling.order, values.back(), sampling);
    case Kind::kBiases:
      return set_biases(values, sampling);
    case Kind::kBreakers:
      target.settings.dry_breakers = texts_of(values);
      if (target.settings.dry_breakers == std::vector<std::string>{"none"})
        target.settings.dry_breakers.clear();
      return {};
  }
  std::unreachable();
}

std::string show_sampling(const ChatParameter& parameter, const ChatSettings& settings,
                          const ChatLoadOptions&) {
  const SamplerParams& sampling = settings.sampling;
  switch (parameter.sampling->kind) {
    case Kind::kReal:
      return fmt::format("{}", sampling.*parameter.sampling->real);
    case Kind::kWhole:
      return fmt::format("{}", sampling.*parameter.sampling->whole);
    case Kind::kSeed:
      return settings.seed_given ? fmt::format("{}", sampling.seed) : "a new one for every answer";
    case Kind::kOrder:
      return sampling.order;
    case Kind::kBiases: {
      std::string all;
      for (const auto& [id, bias] : sampling.logit_bias)
        all += fmt::format("{}{}{:+}", all.empty() ? "" : " ", id, bias);
      return all.empty() ? "none" : all;
    }
    case Kind::kBreakers:
      return settings.dry_breakers.empty() ? "none" : quoted_list(settings.dry_breakers);
  }
  std::unreachable();
}

// To the default, where a model's file recommended a value.
void reset_sampling(const SamplingSetting& setting, ChatSettings& settings) {
  const SamplerParams defaults;
  if (setting.kind == Kind::kReal) settings.sampling.*setting.real = defaults.*setting.real;
  if (setting.kind == Kind::kWhole) settings.sampling.*setting.whole = defaults.*setting.whole;
  if (setting.kind == Kind::kOrder) settings.sampling.order = defaults.order;
}

// ---- the others

Result<void> set_predict(const ChatParameter& parameter, Values values, const Target& target) {
  HEARTH_ASSIGN(const int64_t value, parse_number<int64_t>(parameter, values));
  if (value < -1)
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be -1 or more", parameter.name));
  target.settings.predict_max = value;
  return {};
}

std::string show_predict(const ChatParameter&, const ChatSettings& settings,
                         const ChatLoadOptions&) {
  return settings.predict_max < 0 ? "until the answer ends"
                                  : fmt::format("{}", settings.predict_max);
}

Result<void> set_ctx(const ChatParameter& parameter, Values values, const Target& target) {
  HEARTH_ASSIGN(const auto value, parse_number<uint32_t>(parameter, values));
  if (!std::in_range<int32_t>(value))
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} must be {} or less", parameter.name,
                                                         std::numeric_limits<int32_t>::max()));
  target.load.ctx = value;
  return {};
}

std::string show_ctx(const ChatParameter&, const ChatSettings&, const ChatLoadOptions& load) {
  return load.ctx == 0 ? "chosen by the program" : fmt::format("{}", load.ctx);
}

Result<void> set_threads(const ChatParameter& parameter, Values values, const Target& target) {
  HEARTH_ASSIGN(target.load.threads, parse_number<uint32_t>(parameter, values));
  return {};
}

std::string show_threads(const ChatParameter&, const ChatSettings&, const ChatLoadOptions& load) {
  return load.threads == 0 ? "chosen by the program" : fmt::format("{}", load.threads);
}

Result<void> set_stop(const ChatParameter&, Values values, const Target& target) {
  target.settings.stop_texts = texts_of(values);
  return {};
}

std::string show_stop(const ChatParameter&, const ChatSettings& settings, const ChatLoadOptions&) {
  return settings.stop_texts.empty() ? "none of your own" : quoted_list(settings.stop_texts);
}

constexpr ChatParameter kOthers[] = {
    {.name = "num_predict",
     .option = "--predict",
     .help = "tokens in an answer at most; -1 for no bound",
     .set = set_predict,
     .show = show_predict},
    {.name = "stop",
     .option = "--stop",
     .help = "texts that end the answer, in quotes; \"\" for none",
     .is_list = true,
     .set = set_stop,
     .show = show_stop},
    {.name = "num_ctx",
     .option = "--ctx",
     .help = "tokens of context; 0: chosen; loads the model again",
     .reloads = true,
     .set = set_ctx,
     .show = show_ctx},
    {.name = "num_thread",
     .option = "--threads",
     .help = "threads; 0: chosen; loads the model again",
     .reloads = true,
     .set = set_threads,
     .show = show_threads},
};

constexpr ChatParameter sampling_parameter(const SamplingSetting& setting) {
  return {.name = setting.parameter,
          .option = setting.option.name,
          .help = setting.option.help,
          .is_list = setting.option.repeats,
          .set = set_sampling,
          .show = show_sampling,
          .sampling = &setting};
}

constexpr auto kParameters = [] {
  std::array<ChatParameter, std::size(kChoosingSettings) + std::size(kRepetitionSettings) +
                                std::size(kSurpriseSettings) + std::size(kOthers)>
      all{};
  size_t n = 0;
  for (const SamplingSetting& setting : kChoosingSettings) all[n++] = sampling_parameter(setting);
  for (const SamplingSetting& setting : kRepetitionSettings) all[n++] = sampling_parameter(setting);
  for (const SamplingSetting& setting : kSurpriseSettings) all[n++] = sampling_parameter(setting);
  for (const ChatParameter& other : kOthers) all[n++] = other;
  return all;
}();

// "--top-k" and "top_k" are one name.
std::string plain_name(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  std::string plain(name);
  std::ranges::replace(plain, '-', '_');
  return plain;
}

bool is_called(const ChatParameter& parameter, const std::string& plain) {
  return parameter.name == plain || plain_name(parameter.option) == plain ||
         (parameter.sampling != nullptr &&
          plain_name(parameter.sampling->option.short_name) == plain);
}

}  // namespace

std::span<const ChatParameter> chat_parameters() { return kParameters; }

Result<const ChatParameter*> find_chat_parameter(std::string_view name) {
  const std::string plain = plain_name(name);
  std::vector<std::string_view> names;
  for (const ChatParameter& parameter : kParameters) {
    if (!plain.empty() && is_called(parameter, plain)) return &parameter;
    names.push_back(parameter.name);
  }
  const std::string_view nearest = nearest_name(plain, names);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("there is no parameter '{}'{}", printable(name, 60),
                          nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)),
              "/set parameter lists them");
}

std::vector<std::string> parameter_values(const ChatParameter& parameter, std::string_view text) {
  if (parameter.is_list) return split_quoted(text);
  return {std::string(text)};
}

Result<void> set_chat_parameter(const ChatParameter& parameter, ChatParameter::Values values,
                                ValueSource source, const ChatParameterTarget& target) {
  HEARTH_TRY(parameter.set(parameter, values, target));
  if (!parameter.reloads) target.settings.sources[std::string(parameter.name)] = source;
  return {};
}

std::vector<std::string> take_recommended(std::span<const RecommendedValue> values,
                                          ChatSettings& settings) {
  std::vector<std::string> problems;
  for (const ChatParameter& parameter : kParameters) {
    const auto source = settings.sources.find(parameter.name);
    if (source == settings.sources.end() || source->second != ValueSource::kModelFile) continue;
    reset_sampling(*parameter.sampling, settings);
    settings.sources.erase(source);
  }
  ChatLoadOptions none;
  for (const auto& [key, text] : values) {
    const auto* parameter = std::ranges::find_if(kParameters, [&](const ChatParameter& p) {
      return p.sampling != nullptr && !p.sampling->model_key.empty() &&
             p.sampling->model_key == key;
    });
    if (parameter == kParameters.end()) {
      problems.push_back(
          fmt::format("the file recommends '{}' = '{}' for choosing words, which this program does "
                      "not know",
                      printable(key, 60), printable(text, 60)));
      continue;
    }
    if (settings.sources.contains(parameter->name)) continue;
    const auto done =
        set_chat_parameter(*parameter, {&text, 1}, ValueSource::kModelFile, {settings, none});
    if (!done)
      problems.push_back(fmt::format("the {} that the file recommends is not used: {}",
                                     parameter->name, done.error().message));
  }
  return problems;
}

}  // namespace hearth::app
