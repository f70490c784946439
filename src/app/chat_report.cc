#include "app/chat_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "app/chat_parameters.h"
#include "base/cpu_info.h"
#include "base/printable.h"

namespace hearth::app {
namespace {

std::string scaled(double value, std::span<const std::string_view> units) {
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const std::string number =
      unit == 0 || value >= 99.5 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
  return units[unit].empty() ? number : fmt::format("{} {}", number, units[unit]);
}

double rate(uint64_t tokens, double seconds) { return seconds > 0 ? double(tokens) / seconds : 0; }

uint64_t planned_bytes(const ChatModelInfo& info) {
  return info.weights_bytes + info.kv_bytes + info.scratch_bytes;
}

std::string row(std::string_view name, std::string_view value) {
  return fmt::format("  {:<22}{}\n", name, value);
}

std::string used_text(const ChatSession& session) {
  return fmt::format("{} of {} tokens used", session.context_used(), session.info().n_ctx);
}

std::string_view source_text(const ChatParameter& parameter, const ChatSettings& settings) {
  const auto source = settings.sources.find(parameter.name);
  if (source == settings.sources.end()) return parameter.sampling != nullptr ? "default" : "";
  return source->second == ValueSource::kPerson ? "yours" : "recommended by the model's file";
}

// Whether a parameter of loading is not what the program would choose.
bool is_changed(const ChatParameter& parameter, const ChatLoadOptions& load) {
  return parameter.show(parameter, {}, load) != parameter.show(parameter, {}, {});
}

// "temperature 0.6 (recommended by the model's file), top_k 20 (yours)"
std::string sampling_text(const ChatSession& session) {
  std::string text;
  for (const ChatParameter& parameter : chat_parameters()) {
    if (parameter.sampling == nullptr || !session.settings().sources.contains(parameter.name))
      continue;
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", parameter.name,
                        parameter.show(parameter, session.settings(), session.load_options()),
                        source_text(parameter, session.settings()));
  }
  return text.empty() ? "all defaults" : text;
}

// Those that Ollama has; others are comments in a Modelfile, as it refuses what it does not know.
constexpr std::string_view kModelfileParameters[] = {
    "temperature",       "top_k",        "top_p",         "min_p",
    "typical_p",         "seed",         "repeat_last_n", "repeat_penalty",
    "mirostat",          "mirostat_tau", "mirostat_eta",  "presence_penalty",
    "frequency_penalty", "num_predict",  "num_ctx",       "num_thread",
};

nlohmann::ordered_json call_json(const text::ToolCall& call) {
  using Json = nlohmann::ordered_json;
  return {{"name", call.name},
          {"arguments", Json::parse(call.arguments, nullptr, false)},
          {"id", call.id}};
}

std::string_view stop_key(StopReason reason) {
  switch (reason) {
    case StopReason::kEnd:
      return "end";
    case StopReason::kStopText:
      return "stop_text";
    case StopReason::kLength:
      return "length";
    case StopReason::kContextFull:
      return "context_full";
    case StopReason::kCancelled:
      return "cancelled";
  }
  return "";
}

}  // namespace

std::string human_bytes(uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"bytes", "kB", "MB", "GB", "TB"};
  return scaled(double(bytes), kUnits);
}

std::string human_count(uint64_t count) {
  static constexpr std::array<std::string_view, 5> kUnits = {"", "thousand", "million", "billion",
                                                             "trillion"};
  return scaled(double(count), kUnits);
}

std::string warnings_text(const ChatSession& session) {
  constexpr size_t kShownMax = 12;  // a broken file may give thousands
  constexpr size_t kBytesMax = 500;
  const std::vector<std::string>& warnings = session.warnings();
  std::string text;
  for (const std::string& warning : std::span(warnings).first(std::min(warnings.size(), kShownMax)))
    text += fmt::format("warning: {}\n", printable(warning, kBytesMax));
  if (warnings.size() > kShownMax)
    text += fmt::format("warning: and {} more of the kind\n", warnings.size() - kShownMax);
  return text;
}

std::string greeting_text(const ChatSession& session) {
  const ChatModelInfo& info = session.info();
  std::string text = fmt::format("{} ({}, {} parameters, {})\n", printable(info.name),
                                 printable(info.architecture), human_count(info.n_parameters),
                                 printable(info.quantization));
  text += fmt::format("Context: {} tokens ({}).\n", info.n_ctx, printable(info.n_ctx_reason));
  if (!info.has_template)
    text +=
        "This model has no chat template: it continues what you enter, and remembers nothing of "
        "it (--template NAME chooses one).\n";
  else if (!session.converses())
    text += "--raw: it continues what you enter, and remembers nothing of it.\n";
  return text;
}

std::string info_text(const ChatSession& session) {
  const ChatModelInfo& info = session.info();
  std::string text = "Model\n";
  text += row("name", printable(info.name));
  text += row("file", printable(session.path()));
  text += row("architecture", printable(info.architecture));
  text += row("parameters", human_count(info.n_parameters));
  text += row("context length", fmt::format("{}", info.n_ctx_train));
  text += row("embedding length", fmt::format("{}", info.n_embedding));
  text += row("quantization", printable(info.quantization));
  text += row("chat template", info.has_template ? "yes" : "no: continues text");
  text += "Session\n";
  text += row("context", fmt::format("{} ({})", info.n_ctx, printable(info.n_ctx_reason)));
  text += row("context now", used_text(session));
  text +=
      row("memory", fmt::format("{} = weights {} + cache {} + the rest {}",
                                human_bytes(planned_bytes(info)), human_bytes(info.weights_bytes),
                                human_bytes(info.kv_bytes), human_bytes(info.scratch_bytes)));
  text += row("threads", info.threads == info.threads_prompt
                             ? fmt::format("{} ({})", info.threads, info.threads_reason)
                             : fmt::format("{} to generate, {} to read ({})", info.threads,
                                           info.threads_prompt, info.threads_reason));
  text += row("instructions", info.isa);
  return text;
}

std::string parameters_text(const ChatSession& session) {
  std::string text;
  for (const ChatParameter& parameter : chat_parameters()) {
    const std::string value =
        printable(parameter.show(parameter, session.settings(), session.load_options()));
    const std::string_view source = source_text(parameter, session.settings());
    text += row(parameter.name, source.empty() ? value : fmt::format("{:<11} ({})", value, source));
  }
  return text;
}

std::string modelfile_text(const ChatSession& session) {
  const ChatSettings& settings = session.settings();
  std::string text = fmt::format("FROM {}\n", printable(session.path()));
  if (session.info().has_template)
    text += fmt::format("TEMPLATE \"\"\"{}\"\"\"\n", printable_lines(session.info().chat_template));
  if (!settings.system.empty())
    text += fmt::format("SYSTEM \"\"\"{}\"\"\"\n", printable_lines(settings.system));
  for (const std::string& stop : settings.stop_texts)
    text += fmt::format("PARAMETER stop \"{}\"\n", printable(stop));
  // What the model's file recommends is in FROM.
  for (const ChatParameter& parameter : chat_parameters()) {
    const auto source = settings.sources.find(parameter.name);
    const bool own = source != settings.sources.end() && source->second == ValueSource::kPerson;
    const bool own_load = parameter.reloads && is_changed(parameter, session.load_options());
    const bool known =
        std::ranges::find(kModelfileParameters, parameter.name) != std::end(kModelfileParameters);
    if (parameter.name != "stop" && (own || own_load))
      text += fmt::format("{}PARAMETER {} {}\n", known ? "" : "# ", parameter.name,
                          printable(parameter.show(parameter, settings, session.load_options())));
  }
  return text;
}

std::string verbose_text(const ChatSession& session, const ChatStats& stats) {
  const ChatModelInfo& info = session.info();
  const uint64_t n_read = stats.n_prompt - std::min(stats.n_prompt, stats.n_cached);
  std::string text;
  text += row("total duration:",
              fmt::format("{:.3f} s", stats.prompt_seconds + stats.generate_seconds));
  text += row("load duration:", fmt::format("{:.3f} s", info.load_seconds));
  text += row("weights:", printable(info.weights_reason, 200));
  text += row("prompt eval count:",
              fmt::format("{} tokens (and {} from the cache)", n_read, stats.n_cached));
  text += row("prompt eval duration:", fmt::format("{:.3f} s", stats.prompt_seconds));
  text +=
      row("prompt eval rate:", fmt::format("{:.2f} tokens/s", rate(n_read, stats.prompt_seconds)));
  text += row("eval count:", fmt::format("{} tokens", stats.n_generated));
  text += row("eval duration:", fmt::format("{:.3f} s", stats.generate_seconds));
  text += row("eval rate:",
              fmt::format("{:.2f} tokens/s", rate(stats.n_generated, stats.generate_seconds)));
  text += row("stopped by:", stop_key(stats.stop));
  text += row("context:", fmt::format("{} of {} tokens used ({})", stats.n_context_used, info.n_ctx,
                                      printable(info.n_ctx_reason)));
  text += row("memory:",
              fmt::format("{} planned, {} resident at most", human_bytes(planned_bytes(info)),
                          human_bytes(resident_bytes_max())));
  text += row("choosing words:", printable(sampling_text(session)));
  text += row("seed:", fmt::format("{}", session.last_seed()));
  return text;
}

std::string calls_text(const ChatStats& stats) {
  std::string text;
  for (const text::ToolCall& call : stats.reply.calls) text += call_json(call).dump() + "\n";
  return text;
}

std::string reply_notes_text(const ChatStats& stats) {
  std::string text;
  for (const std::string& note : stats.notes) text += fmt::format("note: {}\n", printable(note));
  for (const std::string& warning : stats.reply.warnings)
    text += fmt::format("warning: {}\n", printable(warning));
  return text;
}

std::string json_text(const ChatSession& session, const ChatStats& stats, std::string_view answer) {
  using Json = nlohmann::ordered_json;
  const ChatModelInfo& info = session.info();
  const uint64_t n_read = stats.n_prompt - std::min(stats.n_prompt, stats.n_cached);
  Json chosen = Json::object();
  for (const auto& [name, source] : session.settings().sources) {
    const ChatParameter& parameter = **find_chat_parameter(name);
    chosen[name] = {
        {"value", parameter.show(parameter, session.settings(), session.load_options())},
        {"from", source == ValueSource::kPerson ? "you" : "model"}};
  }
  Json calls = Json::array();
  for (const text::ToolCall& call : stats.reply.calls) calls.push_back(call_json(call));
  const Json report = {
      {"model", info.name},
      {"mode", session.converses() ? "chat" : "continue"},
      {"text", answer},
      {"reasoning", stats.reply.reasoning},
      {"tool_calls", std::move(calls)},
      {"stop_reason", stop_key(stats.stop)},
      {"tokens",
       {{"prompt", stats.n_prompt}, {"cached", stats.n_cached}, {"generated", stats.n_generated}}},
      {"context",
       {{"used", stats.n_context_used}, {"limit", info.n_ctx}, {"reason", info.n_ctx_reason}}},
      {"seconds",
       {{"load", info.load_seconds},
        {"prompt", stats.prompt_seconds},
        {"generate", stats.generate_seconds},
        {"total", info.load_seconds + stats.prompt_seconds + stats.generate_seconds}}},
      {"tokens_per_second",
       {{"prompt", rate(n_read, stats.prompt_seconds)},
        {"generate", rate(stats.n_generated, stats.generate_seconds)}}},
      {"memory_bytes", {{"planned", planned_bytes(info)}, {"resident_max", resident_bytes_max()}}},
      {"settings", std::move(chosen)},
      {"seed", session.last_seed()},
  };
  // Bytes that are not UTF-8 (a cut answer, a strange name) become U+FFFD: the object is always
  // readable.
  return report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hearth::app
