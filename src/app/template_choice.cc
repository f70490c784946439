#include "app/template_choice.h"

#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <system_error>

#include "base/small_file.h"
#include "text/named_templates.h"

namespace hearth::app {
namespace {

constexpr size_t kTemplateBytesMax = size_t{2} << 20;

bool looks_like_path(const std::string& choice) {
  std::error_code error;
  return choice.contains('/') || choice.ends_with(".jinja") || choice.ends_with(".j2") ||
         choice.ends_with(".txt") || std::filesystem::is_regular_file(choice, error);
}

}  // namespace

Result<std::string> template_source(const std::string& choice, const ModelSummary* summary) {
  if (choice.empty()) {
    const bool none = summary == nullptr || summary->chat_templates.empty();
    return none ? std::string() : std::string(summary->chat_templates.front().text);
  }
  if (summary != nullptr)
    for (const ChatTemplate& own : summary->chat_templates)
      if (own.name == choice) return std::string(own.text);
  if (const text::NamedTemplate* named = text::find_named_template(choice))
    return std::string(named->source);
  if (looks_like_path(choice)) return read_small_file(choice, kTemplateBytesMax);
  std::string own;
  if (summary != nullptr)
    for (const ChatTemplate& one : summary->chat_templates)
      if (!one.name.empty()) own += fmt::format(", {}", one.name);
  return fail(ErrorCode::kNotFound, fmt::format("there is no chat template '{}'", choice),
              fmt::format("use a Jinja file, or one of: {}{}", text::named_template_list(), own));
}

std::string template_choices() { return text::named_template_list() + ", or a Jinja file"; }

Result<std::optional<ChosenTemplate>> choose_template(const std::string& choice,
                                                      const ModelSummary* summary) {
  HEARTH_ASSIGN(const std::string source, template_source(choice, summary));
  if (source.empty()) return std::nullopt;
  text::CuredTemplate cured = text::cure_template(source);
  HEARTH_ASSIGN(text::ChatTemplate parsed, text::ChatTemplate::parse(cured.source));
  text::ReplyFormat format = text::detect_reply_format(parsed);
  return ChosenTemplate{std::move(parsed), std::move(format), std::move(cured.notes)};
}

text::CivilTime local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm t{};
  localtime_r(&now, &t);
  return {t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec};
}

}  // namespace hearth::app
