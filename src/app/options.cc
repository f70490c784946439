#include "app/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "base/printable.h"

namespace hearth::app {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::vector<uint64_t>> number_list(std::string_view text) {
  std::vector<uint64_t> values;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::optional<uint64_t> value = number<uint64_t>(text.substr(0, comma));
    if (!value) return std::nullopt;
    values.push_back(*value);
    if (comma == text.size()) return values;
    text.remove_prefix(comma + 1);
  }
}

// What an Option and a Positional have in common for the check of one value.
struct Rule {
  OptionKind kind;
  std::span<const std::string_view> choices;
  double min;
  double max;
};

Rule rule_of(const Option& option) { return {option.kind, option.choices, option.min, option.max}; }
Rule rule_of(const Positional& positional) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {positional.kind, positional.choices, -kInfinity, kInfinity};
}

std::string join(std::span<const std::string_view> words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// "a whole number from 0 to 100"
std::string wanted(const Rule& rule) {
  std::string text;
  switch (rule.kind) {
    case OptionKind::kFlag:
      return "no value";
    case OptionKind::kEnum:
      return "one of " + join(rule.choices, ", ");
    case OptionKind::kString:
    case OptionKind::kPath:
      return "a text";
    case OptionKind::kUintList:
      return "whole numbers with commas between them (1,2,3)";
    case OptionKind::kInt:
      text = "a whole number";
      break;
    case OptionKind::kUint:
      text = "a whole number, 0 or more";
      break;
    case OptionKind::kFloat:
      text = "a number";
      break;
  }
  const bool has_min = std::isfinite(rule.min);
  if (has_min && std::isfinite(rule.max))
    return fmt::format("{} from {} to {}", text.substr(0, text.find(',')), rule.min, rule.max);
  if (has_min) return fmt::format("{} of at least {}", text.substr(0, text.find(',')), rule.min);
  if (std::isfinite(rule.max)) return fmt::format("{} of at most {}", text, rule.max);
  return text;
}

template <class T>
bool in_range(const std::optional<T>& value, const Rule& rule) {
  return value && std::isfinite(double(*value)) && double(*value) >= rule.min &&
         double(*value) <= rule.max;
}

bool obeys(std::string_view text, const Rule& rule) {
  switch (rule.kind) {
    case OptionKind::kFlag:
      return text == "true" || text == "false";
    case OptionKind::kEnum:
      return std::ranges::find(rule.choices, text) != rule.choices.end();
    case OptionKind::kString:
    case OptionKind::kPath:
      return true;
    case OptionKind::kUintList:
      return number_list(text).has_value();
    case OptionKind::kInt:
      return in_range(number<int64_t>(text), rule);
    case OptionKind::kUint:
      return in_range(number<uint64_t>(text), rule);
    case OptionKind::kFloat:
      return in_range(number<double>(text), rule);
  }
  std::unreachable();
}

std::string see_help(const Command& command) {
  return fmt::format("`hearth {} --help` tells what it takes", command.name);
}

Result<void> check_value(const Command& command, std::string_view shown_name, std::string_view text,
                         const Rule& rule) {
  if (obeys(text, rule)) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} takes {}, not '{}'", shown_name, wanted(rule), printable(text, 60)),
              see_help(command));
}

// ---- splitting the words

struct Words {
  std::map<std::string, std::vector<std::string>, std::less<>> options;  // by the name in the table
  std::vector<std::string> positionals;
  std::string unknown;  // the first word that looks like an option and is none
};

// CLI11 takes the word after `--name=` as the value of `--name`; so an empty value is handed to it
// as its own word.
std::vector<std::string> reversed_for_cli11(std::span<const std::string> words) {
  std::vector<std::string> out;
  bool options_over = false;
  for (const std::string& word : words) {
    options_over = options_over || word == "--";
    if (!options_over && word.size() > 3 && word.starts_with("--") &&
        word.find('=') == word.size() - 1) {
      out.push_back(word.substr(0, word.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(word);
    }
  }
  std::ranges::reverse(out);
  return out;
}

// CLI11 is asked for the options only; what it leaves over are the positionals and what nobody
// knows. (Registered with it, positionals would be changed: it takes "[a,b]" for a list.)
Result<Words> split_words(const Command& command, std::span<const Option* const> options,
                          std::span<const std::string> words) {
  Words out;
  try {
    CLI::App parser;
    parser.set_help_flag();
    parser.allow_extras();
    std::vector<std::pair<const Option*, CLI::Option*>> registered;
    for (const Option* option : options) {
      std::string names(option->name);
      if (!option->short_name.empty()) names += "," + std::string(option->short_name);
      CLI::Option* known =
          option->kind == OptionKind::kFlag
              ? parser.add_flag(names)
              : parser.add_option(names,
                                  CLI::callback_t([](const CLI::results_t&) { return true; }));
      known->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      registered.emplace_back(option, known);
    }
    parser.parse(reversed_for_cli11(words));
    for (const auto& [option, known] : registered)
      if (!known->results().empty()) out.options[std::string(option->name)] = known->results();
    bool options_over = false;
    for (const std::string& word : parser.remaining()) {
      const bool like_option =
          word.size() > 1 && word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
      if (!options_over && word == "--")
        options_over = true;
      else if (options_over || !like_option)
        out.positionals.push_back(word);
      else if (out.unknown.empty())
        out.unknown = word.substr(0, word.find('='));
    }
  } catch (const CLI::ArgumentMismatch&) {
    // Only the last word can lack its value.
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' needs a value", printable(words.back(), 60)), see_help(command));
  } catch (const CLI::Error& error) {
    return fail(ErrorCode::kInvalidArgument, printable(error.what(), 200), see_help(command));
  }
  return out;
}

Result<void> check_unknown(const Command& command, std::span<const Option* const> options,
                           const Words& words) {
  if (words.unknown.empty()) return {};
  std::vector<std::string_view> names;
  for (const Option* option : options) {
    names.push_back(option->name);
    if (!option->short_name.empty()) names.push_back(option->short_name);
  }
  const std::string_view nearest = nearest_name(words.unknown, names);
  const std::string guess = nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'hearth {}' has no option '{}'{}", command.name,
                          printable(words.unknown, 60), guess),
              see_help(command));
}

// ---- values

Result<ParsedArgs::Value> option_value(const Command& command, const Option& option,
                                       const Words& words, const AppContext& context) {
  ParsedArgs::Value value{.kind = option.kind};
  std::string shown_name = fmt::format("'{}'", option.name);
  if (const auto typed = words.options.find(option.name); typed != words.options.end()) {
    value.given = true;
    value.texts = typed->second;
    if (!option.repeats)
      value.texts.erase(value.texts.begin(), std::prev(value.texts.end()));  // the last one counts
  } else if (const auto from_env = option.env.empty() ? std::nullopt : context.env(option.env)) {
    value.given = true;
    value.texts = {*from_env};
    if (option.kind == OptionKind::kFlag) {
      const bool off = *from_env == "0" || *from_env == "false" || *from_env == "no";
      value.texts = {off ? "false" : "true"};
    }
    shown_name = fmt::format("the environment variable {}", option.env);
  } else if (!option.default_value.empty()) {
    value.texts = {std::string(option.default_value)};
  }
  for (const std::string& text : value.texts)
    HEARTH_TRY(check_value(command, shown_name, text, rule_of(option)));
  return value;
}

Result<void> take_positionals(const Command& command, const Words& words,
                              std::map<std::string, ParsedArgs::Value, std::less<>>& values) {
  size_t next = 0;
  for (const Positional& positional : command.positionals) {
    ParsedArgs::Value value{.kind = positional.kind};
    while (next < words.positionals.size() && (positional.repeats || value.texts.empty())) {
      HEARTH_TRY(
          check_value(command, positional.name, words.positionals[next], rule_of(positional)));
      value.texts.push_back(words.positionals[next++]);
    }
    value.given = !value.texts.empty();
    if (positional.required && !value.given)
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("'hearth {}' needs {}: {}", command.name, positional.name, positional.help),
          see_help(command));
    values.emplace(positional.name, std::move(value));
  }
  if (next < words.positionals.size())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'hearth {}' does not know what to do with '{}'", command.name,
                            printable(words.positionals[next], 60)),
                "put quotes around a text with spaces; " + see_help(command));
  return {};
}

}  // namespace

std::vector<const Option*> all_options(const Command& command) {
  std::vector<const Option*> out;
  for (const Option& option : command.options) out.push_back(&option);
  for (const OptionGroup& group : command.groups)
    for (const Option& option : group.options) out.push_back(&option);
  return out;
}

Result<ParseOutcome> parse_args(const Command& command, std::span<const std::string> words,
                                const AppContext& context) {
  std::vector<const Option*> options = all_options(command);
  options.push_back(&kHelpOption);
  HEARTH_ASSIGN(const Words split, split_words(command, options, words));
  if (split.options.contains(kHelpOption.name)) return ParseOutcome{.args = {}, .help = true};
  HEARTH_TRY(check_unknown(command, options, split));

  std::map<std::string, ParsedArgs::Value, std::less<>> values;
  for (const Option* option : options) {
    HEARTH_ASSIGN(ParsedArgs::Value value, option_value(command, *option, split, context));
    values.emplace(option->name, std::move(value));
  }
  HEARTH_TRY(take_positionals(command, split, values));
  return ParseOutcome{.args = ParsedArgs(std::move(values))};
}

std::string_view nearest_name(std::string_view typed, std::span<const std::string_view> known) {
  const std::string_view word = typed.substr(0, 64);  // a long one costs nothing
  if (word.empty()) return {};
  // A third of the letters may be wrong, at least two; but never all of them.
  size_t best_distance = std::min(std::max<size_t>(2, word.size() / 3), word.size() - 1) + 1;
  std::string_view best;
  std::vector<size_t> row;  // edit distance, one row of its table at a time
  for (const std::string_view name : known) {
    row.resize(word.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < name.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i + 1);
      for (size_t j = 0; j < word.size(); ++j) {
        const size_t replaced = diagonal + size_t(name[i] != word[j]);
        diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = name;
    }
  }
  return best;
}

// ---- ParsedArgs

const ParsedArgs::Value& ParsedArgs::at(std::string_view name) const {
  const auto found = values_.find(name);
  HEARTH_CHECK(found != values_.end());
  return found->second;
}

bool ParsedArgs::given(std::string_view name) const { return at(name).given; }

bool ParsedArgs::flag(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kFlag);
  return !value.texts.empty() && value.texts.back() == "true";
}

std::optional<int64_t> ParsedArgs::find_int(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kInt);
  return value.texts.empty() ? std::nullopt : number<int64_t>(value.texts.back());
}

std::optional<uint64_t> ParsedArgs::find_uint(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kUint);
  return value.texts.empty() ? std::nullopt : number<uint64_t>(value.texts.back());
}

std::optional<double> ParsedArgs::find_float(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kFloat);
  return value.texts.empty() ? std::nullopt : number<double>(value.texts.back());
}

std::optional<std::string> ParsedArgs::find_text(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kString || value.kind == OptionKind::kEnum ||
               value.kind == OptionKind::kPath);
  if (value.texts.empty()) return std::nullopt;
  return value.texts.back();
}

namespace {

template <class T>
T must(std::optional<T> value) {
  HEARTH_CHECK(value.has_value());
  return std::move(*value);
}

}  // namespace

int64_t ParsedArgs::get_int(std::string_view name) const { return must(find_int(name)); }
uint64_t ParsedArgs::get_uint(std::string_view name) const { return must(find_uint(name)); }
double ParsedArgs::get_float(std::string_view name) const { return must(find_float(name)); }
std::string ParsedArgs::get_text(std::string_view name) const { return must(find_text(name)); }

std::vector<uint64_t> ParsedArgs::uint_list(std::string_view name) const {
  const Value& value = at(name);
  HEARTH_CHECK(value.kind == OptionKind::kUintList);
  if (value.texts.empty()) return {};
  return must(number_list(value.texts.back()));
}

std::vector<std::string> ParsedArgs::texts(std::string_view name) const { return at(name).texts; }

}  // namespace hearth::app
