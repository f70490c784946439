// `hearth render`: what a model sees of a conversation: its chat template, rendered.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <optional>

#include "app/command.h"
#include "app/template_choice.h"
#include "app/text_input.h"
#include "format/model_file.h"
#include "model/vocab_loader.h"
#include "text/reply/conversation.h"
#include "text/reply/tool_list.h"
#include "text/tokenizer.h"

namespace hearth::app {
namespace {

constexpr Positional kPositionals[] = {
    {.name = "MODEL",
     .kind = OptionKind::kPath,
     .help = "a GGUF file; not needed with --template",
     .required = false},
};

constexpr Option kOptions[] = {
    {.name = "--messages",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "the conversation: a JSON list of messages, or an object with messages, tools and "
             "variables of the template; - is standard input"},
    {.name = "--tools",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "functions that the model may call: a JSON list"},
    {.name = "--add-generation-prompt",
     .help = "end where the model's answer begins; this is the default unless the last message is "
             "the assistant's"},
    {.name = "--continue", .help = "end within the last message, so that the model continues it"},
    {.name = "--template",
     .kind = OptionKind::kString,
     .value_name = "FILE|NAME",
     .help = "use this chat template: a Jinja file, one of the model's, or a built-in one",
     .default_note = "that of the model"},
    {.name = "--think",
     .kind = OptionKind::kString,
     .value_name = "HOW",
     .help = "on, off, low, medium, high, or a number of tokens",
     .default_note = "as the template does"},
    {.name = "--context",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help = "render the bare template over this JSON object of variables, and nothing else"},
    {.name = "--now",
     .kind = OptionKind::kString,
     .value_name = "TIME",
     .help = "the time that the template sees, as 2026-07-26T12:00:00",
     .default_note = "now"},
    {.name = "--ids", .help = "print the token ids as one JSON array; needs MODEL"},
};

constexpr Example kExamples[] = {
    {.line = "hearth render model.gguf --messages chat.json",
     .what = "exactly what the model sees"},
    {.line = "hearth render model.gguf --messages chat.json --tools tools.json --ids",
     .what = "the same as token ids"},
    {.line = "hearth render --template chat.jinja --context variables.json",
     .what = "try a template without a model"},
};

Result<text::CivilTime> time_of(const std::optional<std::string>& given) {
  if (!given) return local_time();
  text::CivilTime t;
  int used = 0;
  const int n = std::sscanf(given->c_str(), "%4d-%2d-%2d%n%*1[T ]%2d:%2d:%2d%n", &t.year, &t.month,
                            &t.day, &used, &t.hour, &t.minute, &t.second, &used);
  const bool whole = (n == 3 || n == 6) && size_t(used) == given->size();
  const bool right = t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31 && t.hour >= 0 &&
                     t.hour < 24 && t.minute >= 0 && t.minute < 60 && t.second >= 0 &&
                     t.second < 61;
  if (whole && right && t.year > 0) return t;
  return fail(ErrorCode::kInvalidArgument, fmt::format("--now: '{}' is no time", *given),
              "write it as 2026-07-26T12:00:00");
}

// The model's file, as far as it is needed.
struct Model {
  std::optional<format::ModelFile> file;
  std::optional<ModelSummary> summary;
  std::unique_ptr<text::Tokenizer> tokenizer;
};

Result<Model> open_model(const ParsedArgs& args) {
  Model model;
  const auto path = args.find_text("MODEL");
  if (!path) return model;
  HEARTH_ASSIGN(format::ModelFile file, format::ModelFile::open(*path));
  model.file.emplace(std::move(file));
  model.summary = summarize(*model.file);
  HEARTH_ASSIGN(model.tokenizer, model::load_tokenizer(model.file->metadata()));
  return model;
}

Result<int> render_context(const ParsedArgs& args, AppContext& context) {
  const auto choice = args.find_text("--template");
  if (!choice)
    return fail(ErrorCode::kInvalidArgument, "--context renders a bare template, and none is given",
                "give it with --template FILE");
  HEARTH_ASSIGN(const std::string json, read_text_input(args.get_text("--context"), context));
  HEARTH_ASSIGN(const text::Value variables, text::template_value_from_json(json));
  if (!variables.is_dict())
    return fail(ErrorCode::kInvalidArgument, "the file of --context is not a JSON object");
  HEARTH_ASSIGN(const std::string source, template_source(*choice, nullptr));
  HEARTH_ASSIGN(const text::ChatTemplate parsed, text::ChatTemplate::parse(source));
  HEARTH_ASSIGN(const text::CivilTime now, time_of(args.find_text("--now")));
  HEARTH_ASSIGN(const text::RenderedChat chat, parsed.render(variables.as_dict(), {}, now));
  context.print(chat.text);
  return kExitOk;
}

Result<text::RenderedChat> render_conversation(const ParsedArgs& args, AppContext& context,
                                               const Model& model, const ChosenTemplate& chosen) {
  HEARTH_ASSIGN(const std::string json, read_text_input(args.get_text("--messages"), context));
  HEARTH_ASSIGN(text::Conversation chat, text::conversation_from_json(json));
  text::ChatOptions options;
  options.tools = chat.tools;
  if (const auto path = args.find_text("--tools")) {
    HEARTH_ASSIGN(const std::string text, read_text_input(*path, context));
    HEARTH_ASSIGN(const text::ToolList tools, text::ToolList::parse(text));
    options.tools = tools.value();
  }
  if (model.tokenizer != nullptr) {
    options.bos_token = model.tokenizer->piece(model.tokenizer->bos());
    options.eos_token = model.tokenizer->piece(model.tokenizer->eos());
  }
  HEARTH_ASSIGN(options.now, time_of(args.find_text("--now")));
  for (const std::string& note : text::adapt_conversation(chosen.format, chat.messages))
    context.note(fmt::format("note: {}\n", note));
  if (const auto think = args.find_text("--think")) {
    HEARTH_ASSIGN(const text::ThinkRequest request, text::ThinkRequest::parse(*think));
    const std::string note = text::apply_thinking(chosen.format, request, options, chat.messages);
    if (!note.empty()) context.note(fmt::format("note: {}\n", note));
  }
  for (auto& variable : chat.variables) options.variables.push_back(std::move(variable));
  const bool answered = !chat.messages.empty() && chat.messages.back().role == "assistant";
  options.add_generation_prompt =
      !args.flag("--continue") && (args.flag("--add-generation-prompt") || !answered);
  HEARTH_ASSIGN(text::RenderedChat rendered,
                chosen.chat_template.render_chat(chat.messages, options));
  if (args.flag("--continue")) {
    if (chat.messages.empty())
      return fail(ErrorCode::kInvalidArgument, "--continue: there is no message to be continued");
    HEARTH_TRY(text::cut_for_continuing(chat.messages.back(), rendered));
  }
  return rendered;
}

Result<std::string> ids_text(const text::RenderedChat& chat, const text::Tokenizer& tokenizer) {
  std::vector<text::Segment> segments;
  for (const text::RenderedSegment& part : chat.segments)
    segments.push_back({part.text, part.from_template});
  HEARTH_ASSIGN(const std::vector<int32_t> ids,
                tokenizer.encode_segments(
                    segments, {.add_special = true, .no_double_special = true, .add_end = false}));
  return fmt::format("[{}]\n", fmt::join(ids, ","));
}

Result<void> check(const ParsedArgs& args) {
  const auto wrong = [](const char* what, const char* hint) {
    return fail(ErrorCode::kInvalidArgument, what, hint);
  };
  if (!args.given("--messages") && !args.given("--context"))
    return wrong("there is no conversation", "give it with --messages FILE");
  if (args.given("--messages") && args.given("--context"))
    return wrong("--messages and --context exclude each other", "leave one of them out");
  if (args.flag("--continue") && args.flag("--add-generation-prompt"))
    return wrong("--continue and --add-generation-prompt exclude each other",
                 "leave one of them out");
  if (!args.given("MODEL") && !args.given("--template"))
    return wrong("there is neither a MODEL nor a --template", "give one of them");
  if (args.flag("--ids") && (!args.given("MODEL") || args.given("--context")))
    return wrong("--ids needs the vocabulary of a model", "give MODEL and --messages");
  return {};
}

Result<int> run(const ParsedArgs& args, AppContext& context) {
  HEARTH_TRY(check(args));
  if (args.given("--context")) return render_context(args, context);
  HEARTH_ASSIGN(const Model model, open_model(args));
  HEARTH_ASSIGN(const std::optional<ChosenTemplate> chosen,
                choose_template(args.find_text("--template").value_or(""),
                                model.summary ? &*model.summary : nullptr));
  if (!chosen)
    return fail(ErrorCode::kNotFound, "the model's file has no chat template",
                fmt::format("choose one with --template: {}", template_choices()));
  for (const std::string& note : chosen->notes) context.note(fmt::format("note: {}\n", note));
  HEARTH_ASSIGN(const text::RenderedChat chat, render_conversation(args, context, model, *chosen));
  if (!args.flag("--ids")) {
    context.print(chat.text);
    return kExitOk;
  }
  HEARTH_ASSIGN(const std::string ids, ids_text(chat, *model.tokenizer));
  context.print(ids);
  return kExitOk;
}

}  // namespace

extern const Command kRender = {
    .name = "render",
    .summary = "print what a model sees of a conversation",
    .description =
        "Renders the model's chat template over a conversation, as hearth run does: the text on "
        "standard output is exactly what the model reads, without a line break of its own at the "
        "end. The BOS token that a tokenizer may add is only in --ids.\n\n"
        "A template that fails says why, with its line, and the exit code is not 0.",
    .positionals = kPositionals,
    .options = kOptions,
    .examples = kExamples,
    .run = run,
};

}  // namespace hearth::app
