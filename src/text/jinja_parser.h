// Template source -> syntax tree. Called by ChatTemplate::parse.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja_ast.h"

namespace hearth::text::jinja {

// kCorrupt with the line if the source breaks the language's rules or nests deeper than max_depth.
Result<Body> parse_template(std::string_view source, int max_depth);

}  // namespace hearth::text::jinja
