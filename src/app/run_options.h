// The command line of `hearth run`: its tables, as help, completions and the man page read them.
// Apart from run.cc, so that a test can run the whole command with a backend of its own.
#pragma once

#include <string_view>

#include "app/command.h"
#include "app/machine_options.h"
#include "app/sampling_settings.h"

namespace hearth::app::run_options {

inline constexpr Positional kPositionals[] = {
    {.name = "MODEL", .kind = OptionKind::kPath, .help = "a GGUF file"},
    {.name = "PROMPT",
     .help = "one question: it is answered, and that is all; without it a chat begins",
     .required = false,
     .repeats = true},
};

inline constexpr Option kOptions[] = {
    {.name = "--system",
     .kind = OptionKind::kString,
     .value_name = "TEXT",
     .help = "the system message: who the model is to be and what it should mind"},
    {.name = "--predict",
     .short_name = "-n",
     .kind = OptionKind::kInt,
     .value_name = "N",
     .help = "tokens in an answer at most; -1 for no bound",
     .default_value = "-1",
     .min = -1},
    {.name = "--stop",
     .kind = OptionKind::kString,
     .value_name = "TEXT",
     .help = "end the answer before this text (\\n is a newline)",
     .repeats = true},
    {.name = "--format",
     .kind = OptionKind::kString,
     .value_name = "json|FILE",
     .help = "hold answers to a format: json (any object), a JSON Schema (FILE.json) or a grammar "
             "(FILE.gbnf)"},
    {.name = "--raw",
     .help = "continue the text as it stands, although the file has a chat template; special "
             "tokens in it count"},
    {.name = "--json",
     .help = "answer one prompt with one JSON object: text, counts, times, why it ended"},
    {.name = "--verbose", .help = "show load time, rates, context and memory after every answer"},
    {.name = "--no-history", .help = "neither read nor write the file of former entries"},
    {.name = "--interactive",
     .help = "chat even if standard input is not a terminal: every line of it is an entry"},
    {.name = "--template",
     .kind = OptionKind::kString,
     .value_name = "NAME|FILE",
     .help = "use this chat template: one of the file's, a built-in one, or a Jinja file",
     .default_note = "that of the file"},
    {.name = "--think",
     .kind = OptionKind::kString,
     .value_name = "HOW",
     .help = "how to think before the answer: on, off, low, medium, high, or a number of tokens "
             "after which the answer must begin",
     .default_note = "as the model's template does"},
    {.name = "--hide-thinking", .help = "do not show what the model thinks before it answers"},
    {.name = "--tools",
     .kind = OptionKind::kPath,
     .value_name = "FILE",
     .help =
         "functions that the model may call, a JSON list; calls are printed as JSON, none is run"},
};

inline constexpr auto kChoosing = options_of(kChoosingSettings);
inline constexpr auto kRepetition = options_of(kRepetitionSettings);
inline constexpr auto kSurprise = options_of(kSurpriseSettings);

inline constexpr OptionGroup kGroups[] = {
    {.title = "Choosing words", .options = kChoosing},
    {.title = "Avoiding repetition", .options = kRepetition},
    {.title = "Steering surprise", .options = kSurprise},
    kMachineGroup,
};

inline constexpr Example kExamples[] = {
    {"hearth run model.gguf", "chat; /? shows what can be typed"},
    {"hearth run model.gguf \"Why is the sky blue?\"", "one answer"},
    {"hearth run model.gguf \"Summarize this:\" < notes.txt",
     "standard input becomes part of the prompt"},
    {"hearth run model.gguf --format person.json \"Who was Ada Lovelace?\"",
     "JSON that is valid under the schema"},
    {"hearth run model.gguf --json --seed 1 \"Tell a story\" | jq .text", "for scripts"},
};

constexpr Command command(Result<int> (*run)(const ParsedArgs& args, AppContext& context)) {
  return {
      .name = "run",
      .summary = "chat with a model, or ask it one question",
      .description =
          "Loads a model file and answers. With a prompt, or with something on standard input, "
          "there is "
          "one answer on standard output; otherwise a chat begins. A prompt and standard input "
          "together "
          "make one prompt, an empty line between them.\n\n"
          "In a chat Ctrl-C stops the answer, \"\"\" begins and ends an entry of several lines, "
          "and /? "
          "shows the commands. A model without a chat template continues the text as it stands.\n\n"
          "How words are chosen is what the options say; else what the model's file recommends "
          "(general.sampling.*); else the defaults below. --verbose tells.\n\n"
          "Nothing is ever cut off silently: a prompt longer than the context is an error that "
          "names both "
          "counts.",
      .positionals = kPositionals,
      .options = kOptions,
      .groups = kGroups,
      .examples = kExamples,
      .run = run,
  };
}

}  // namespace hearth::app::run_options
