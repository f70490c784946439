#include "text/reply/tool_grammar.h"

#include "text/reply/formats/list.h"

namespace hearth::text {
namespace {

using reply::JsonSyntax;
using reply::NamedSyntax;
using reply::PythonSyntax;
using reply::TaggedSyntax;

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

void describe(const JsonSyntax& syntax, const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kJson;
  out.section_open = joined({syntax.begin, syntax.list_open});
  out.separator = syntax.separator;
  out.section_close = joined({syntax.list_close, syntax.end});
  for (const Tool& tool : tools.tools()) {
    const std::string name = reply::json_string(tool.name);
    ToolGrammar::Call call{.tool = tool.name, .after = "}", .schema = tool.schema};
    const std::string named =
        joined({"\"", syntax.name_key, "\": ", name, ", \"", syntax.arguments_key, "\": "});
    if (syntax.name_is_key) {
      call.before = joined({"{", name, ": "});
    } else if (syntax.id_key.empty()) {
      call.before = "{" + named;
    } else if (syntax.id_first) {
      call.before = joined({"{\"", syntax.id_key, "\": \""});
      call.id_pattern = syntax.id_pattern;
      call.before_arguments = "\", " + named;
    } else {
      call.before = "{" + named;
      call.after = joined({", \"", syntax.id_key, "\": \""});
      call.after_id_pattern = syntax.id_pattern;
      call.after_id = "\"}";
    }
    out.calls.push_back(std::move(call));
  }
}

void describe(const NamedSyntax& syntax, const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kJson;
  out.section_open = syntax.section_open;
  out.separator = syntax.separator;
  out.section_close = syntax.section_close;
  for (const Tool& tool : tools.tools()) {
    ToolGrammar::Call call{.tool = tool.name,
                           .before = joined({syntax.call_open, syntax.name_prefix, tool.name}),
                           .before_arguments = std::string(syntax.arguments_open),
                           .after = std::string(syntax.call_close),
                           .schema = tool.schema};
    if (!syntax.id_open.empty()) {
      call.before += syntax.id_open;
      call.id_pattern = syntax.id_is_whole_name ? "[0-9]+" : "[A-Za-z0-9]{9}";
    }
    out.calls.push_back(std::move(call));
  }
}

void describe(const TaggedSyntax& syntax, const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kTagged;
  out.cdata = syntax.cdata;
  out.section_open = syntax.section_open;
  out.separator = syntax.separator;
  out.section_close = syntax.section_close;
  const std::string_view string_close =
      syntax.string_key_close.empty() ? syntax.key_close : syntax.string_key_close;
  for (const Tool& tool : tools.tools()) {
    ToolGrammar::Call call{.tool = tool.name,
                           .before = joined({syntax.call_open, tool.name, syntax.name_close}),
                           .after = std::string(syntax.call_close),
                           .schema = tool.schema};
    for (const Tool::Parameter& parameter : tool.parameters)
      call.parameters.push_back(
          {.name = parameter.name,
           .before = joined({syntax.parameter_open, parameter.name, syntax.key_close}),
           .before_string = joined({syntax.parameter_open, parameter.name, string_close}),
           .after = std::string(syntax.value_close),
           .schema = parameter.schema,
           .kind = parameter.kind,
           .required = parameter.required});
    out.calls.push_back(std::move(call));
  }
}

void describe(const PythonSyntax& syntax, const ToolList& tools, ToolGrammar& out) {
  out.kind = ToolGrammar::Kind::kPython;
  out.section_open = joined({syntax.begin, syntax.list_open});
  out.separator = syntax.list_open.empty() ? "\n" : ", ";
  out.section_close = joined({syntax.list_close, syntax.end});
  for (const Tool& tool : tools.tools()) {
    ToolGrammar::Call call{
        .tool = tool.name, .before = tool.name + "(", .after = ")", .schema = tool.schema};
    for (const Tool::Parameter& parameter : tool.parameters)
      call.parameters.push_back({.name = parameter.name,
                                 .schema = parameter.schema,
                                 .kind = parameter.kind,
                                 .required = parameter.required});
    out.calls.push_back(std::move(call));
  }
}

}  // namespace

ToolGrammar describe_tool_calls(const ReplyFormat& format, const ToolList& tools) {
  const reply::ToolFormat& own = format.tools != nullptr ? *format.tools : reply::kGeneric;
  ToolGrammar out;
  out.triggers.assign(own.triggers.begin(), own.triggers.end());
  out.at_begin = own.only_at_begin;
  out.in_messages = own.parse_reply != nullptr && own.tagged != nullptr;
  if (own.describe != nullptr)
    own.describe(tools, out);
  else if (own.json != nullptr)
    describe(*own.json, tools, out);
  else if (own.named != nullptr)
    describe(*own.named, tools, out);
  else if (own.tagged != nullptr)
    describe(*own.tagged, tools, out);
  else if (own.python != nullptr)
    describe(*own.python, tools, out);
  return out;
}

}  // namespace hearth::text
