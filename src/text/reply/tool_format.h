// ToolFormat: how one family of models writes a tool call. A format is a file in formats/, mostly
// data for one of the syntaxes below, and a line in formats/list.h. From it come the parser of
// replies, the choice of the format for a template, the description that grammars are made from,
// and the table in docs/templates.md.
#pragma once

#include <span>
#include <string_view>

#include "text/reply/reader.h"

namespace hearth::text {
struct ToolGrammar;
}

namespace hearth::text::reply {

// What ids are where a format does not say: a regular expression.
inline constexpr std::string_view kIdPattern = "[A-Za-z0-9_.:-]+";

// {"name": N, "arguments": {...}}: one object, several, or a list of them.
struct JsonSyntax {
  std::string_view begin;           // before the first call: "<tool_call>\n"
  std::string_view list_open = {};  // "[" where the calls are a list
  std::string_view separator = {};  // between two calls
  std::string_view list_close = {};
  std::string_view end = {};  // after the last one: "\n</tool_call>"
  std::string_view name_key = "name";
  std::string_view arguments_key = "arguments";
  std::string_view id_key = {};  // none: the format has no ids
  bool id_first = false;         // it stands before the name, not behind the arguments
  std::string_view id_pattern = kIdPattern;
  bool name_is_key = false;  // {N: {...}}
};

// A name between words of the format, then the arguments as JSON.
struct NamedSyntax {
  std::string_view section_open = {};
  std::string_view call_open;         // before the name
  std::string_view name_prefix = {};  // "functions.": may be left out
  std::string_view id_open = {};      // before an id, after the name; the id may be left out
  std::string_view arguments_open;
  std::string_view call_close = {};
  std::string_view separator = {};
  std::string_view section_close = {};
  bool id_is_whole_name = false;  // "functions.f:0" is the id
};

// Each parameter between words of the format, strings without quotes.
struct TaggedSyntax {
  std::string_view section_open = {};
  std::string_view call_open;  // before the name
  std::string_view name_close = {};
  std::string_view parameter_open;  // before the key
  std::string_view key_close;       // between key and value
  // Where the format says of each value whether it is a string: key_close of those, and of others.
  std::string_view string_key_close = {};
  std::string_view value_close;
  std::string_view call_close;
  std::string_view separator = {};
  std::string_view section_close = {};
  bool lines = false;  // a value stands on lines of its own
  bool cdata = false;  // a value may stand within <![CDATA[ ]]>
};

// f(a=1, b="x"), also in a list.
struct PythonSyntax {
  std::string_view begin;
  std::string_view list_open = "[";
  std::string_view list_close = "]";
  std::string_view end = {};
};

struct ToolFormat {
  std::string_view name;      // "hermes"
  std::string_view families;  // for the documents
  // What begins calls in a reply. The parser stands behind it.
  Literals triggers = {};
  // Calls begin with the reply, or not at all; what does not look like one is text without a
  // warning.
  bool only_at_begin = false;
  // The trigger is a control token: nobody writes it while thinking without meaning it.
  bool ends_reasoning = false;
  // A template whose source holds all of these has this format, where rendering a call does not
  // tell.
  Literals markers = {};
  // One of these, where the format is a case of a common syntax.
  const JsonSyntax* json = nullptr;
  const NamedSyntax* named = nullptr;
  const TaggedSyntax* tagged = nullptr;
  const PythonSyntax* python = nullptr;
  // Parses behind `triggers[trigger]`; false: it is no call, and what was read since the last
  // Reader::commit() becomes text. None: by the syntax.
  Co<bool> (*parse)(Reader& in, const ToolFormat& format, int trigger) = nullptr;
  // Formats in which the whole reply has a structure of its own (channels): parses all of it,
  // reasoning too. It is given the prompt from the last `reply_begin` on, so that it knows where
  // the reply starts.
  std::string_view reply_begin = {};
  std::string_view reasoning_end = {};  // what goes from reasoning to the answer
  Co<bool> (*parse_reply)(Reader& in, const ToolFormat& format) = nullptr;
  // Of those, for grammars: what a message may begin with, what then opens the answer and the
  // reasoning, and what ends the answer.
  std::string_view message_begin = {};
  Literals answer_heads = {};
  Literals thinking_heads = {};
  Literals answer_ends = {};
  // Describes the calls for grammars where none of the syntaxes does; `triggers` are filled in.
  void (*describe)(const ToolList& tools, ToolGrammar& out) = nullptr;
};

// Parse what follows a trigger, by the format's syntax.
Co<bool> parse_calls(Reader& in, const ToolFormat& format, int trigger);
Co<bool> parse_json_calls(Reader& in, const ToolFormat& format, int trigger);
Co<bool> parse_named_calls(Reader& in, const ToolFormat& format, int trigger);
Co<bool> parse_tagged_calls(Reader& in, const ToolFormat& format, int trigger);
Co<bool> parse_python_calls(Reader& in, const ToolFormat& format, int trigger);

// Parts of these, for formats with a parser of their own.
// The object of one call, from its '{' on.
Co<bool> parse_json_call(Reader& in, const JsonSyntax& syntax, bool only_known);
// NAME(ARGUMENTS), with positional arguments named by the tool's parameters.
Co<bool> parse_python_call(Reader& in);
// (ARGUMENTS) of the open call `name`.
Co<bool> parse_python_arguments(Reader& in, const std::string& name);
// A Python or JSON literal as JSON.
Co<bool> python_value(Reader& in, std::string* out, int depth);
// A value without quotes as JSON, by what the tool's schema says of it.
std::string value_json(std::string_view text, ParameterKind kind);
// REQUIRES: in a call. Passes the arguments on, given as JSON or as a string that holds JSON.
bool pass_arguments(Reader& in, std::string_view json);

}  // namespace hearth::text::reply
