// Which chat template a conversation gets: the file's own, one that a person names, or one from a
// file of theirs. Called by `hearth run` and `hearth render`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/show_summary.h"
#include "base/result.h"
#include "text/jinja_limits.h"
#include "text/reply/reply_format.h"
#include "text/template.h"

namespace hearth::app {

struct ChosenTemplate {
  text::ChatTemplate chat_template;
  text::ReplyFormat format;
  std::vector<std::string> notes;  // mended mistakes, a sentence each
};

// `choice`: empty (the file's own), the name of one of the file's, of a built-in one, or a path of
// a Jinja file. `summary`: none where there is no model. Nothing: the file has no template, and
// none was chosen. Errors: kNotFound with the names there are; those of reading and parsing.
Result<std::optional<ChosenTemplate>> choose_template(const std::string& choice,
                                                      const ModelSummary* summary);

// The source alone, as it is; empty: the file has none.
Result<std::string> template_source(const std::string& choice, const ModelSummary* summary);

// "chatml, llama2, ..." and what else may be said.
std::string template_choices();

text::CivilTime local_time();

}  // namespace hearth::app
