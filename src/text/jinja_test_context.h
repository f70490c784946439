// The context that the snippets of jinja_expr_test.cc and jinja_stmt_test.cc are rendered with, and
// how.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "text/template.h"

namespace hearth::text {

struct Snippet {
  const char* source;
  const char* expected;  // or "!" and a part of the error message
};

inline constexpr const char* kSnippetContext =
    R"json({"s": "Hello, Wörld!  ünï", "n": 7, "neg": -3, "f": 2.5, "big": 1e+16, "small": 1.5e-07, 
"t": true, "no": null, "l": [3, 1, 2], "ls": ["b", "A", "c"], "d": {"b": 1, "a": {"x": [1, 
{"y": "z"}]}, "c": null}, "u": [{"name": "Bob", "age": 3, "t": ["x"]}, {"name": "al", 
"age": 1}, {"name": "Cy", "age": 2, "t": []}], "e": [], "es": "", "ed": {}, 
"html": "<a href='x'>\"&</a>", "ml": "one\n two\n\nthree\n", "messages": [{"role": "user", 
"content": "hi"}, {"role": "assistant", "content": "yo"}]})json";

inline Result<RenderedChat> render_snippet(const std::string& source,
                                           const TemplateLimits& limits = {}) {
  HEARTH_ASSIGN(const ChatTemplate parsed, ChatTemplate::parse(source));
  HEARTH_ASSIGN(const Value context, template_value_from_json(kSnippetContext));
  return parsed.render(context.as_dict(), limits, CivilTime{2026, 7, 26, 12, 0, 0});
}

inline void check_snippets(std::span<const Snippet> snippets, bool is_expression) {
  for (const Snippet& s : snippets) {
    const std::string source = is_expression ? std::string("{{ ") + s.source + " }}" : s.source;
    const std::string expected = s.expected;
    const auto got = render_snippet(source);
    const std::string text = got ? got->text : "!" + got.error().message;
    if (expected.starts_with('!')) {
      EXPECT_FALSE(got.has_value()) << source << "\nrendered: " << text;
      EXPECT_NE(text.find(expected.substr(1)), std::string::npos) << source << "\n" << text;
    } else {
      EXPECT_EQ(text, expected) << source;
    }
  }
}

}  // namespace hearth::text
