// ToolGrammar: what a grammar must know of a format to allow nothing but valid calls: the words of
// the format, as they stand, and the schema of what lies between them. Only data: grammars are made
// in src/sample, which does not know this room.
//
// A section of calls is
//   section_open call (separator call)* section_close
// and a call of the kinds kJson and kPython
//   before [id] before_arguments ARGUMENTS after [id after_id]
// where ARGUMENTS is a JSON object that satisfies `schema` (kJson; with `quote` in place of the
// quotes of strings, and none around names, where that is set), or Python's key=value list of the
// same values (kPython). In a call of the kind kTagged, the place of ARGUMENTS is taken by the
// parameters in their order, those that are not required left out or not:
//   before VALUE after
// where VALUE is a JSON value that satisfies the parameter's schema, or the text itself, without
// quotes, behind before_string, where it is a string; it must not contain `after`, unless it stands
// within <![CDATA[ ]]> and `cdata` says that it may.
#pragma once

#include <string>
#include <vector>

#include "text/reply/reply_format.h"
#include "text/reply/tool_list.h"

namespace hearth::text {

struct ToolGrammar {
  enum class Kind {
    kJson,
    kTagged,
    kPython,
    kNone,  // this format has no description: its calls cannot be constrained
  };
  struct Parameter {
    std::string name = {};
    std::string before = {};
    std::string before_string = {};
    std::string after = {};
    std::string schema = {};  // JSON text
    ParameterKind kind = ParameterKind::kMixed;
    bool required = false;
  };
  struct Call {
    std::string tool = {};
    std::string before = {};      // up to the id, or to the arguments
    std::string id_pattern = {};  // a regular expression; empty: no id stands here
    std::string before_arguments = {};
    std::string after = {};
    std::string after_id_pattern = {};
    std::string after_id = {};
    std::string schema = {};                 // of the arguments: JSON text
    std::vector<Parameter> parameters = {};  // kTagged; kPython: without words
  };

  Kind kind = Kind::kNone;
  // The reply is free until one of these has been generated, and a call from there on: a section
  // begins with its trigger; they may differ in white space, and words before the trigger may have
  // been left out.
  std::vector<std::string> triggers;
  bool at_begin =
      false;  // a section that begins the reply is one without a trigger, others are not
  bool in_messages = false;  // on channels a section stands within a message, not in place of one
  std::string quote;         // kJson
  bool cdata = false;        // kTagged
  std::string section_open;
  std::string separator;
  std::string section_close;
  std::vector<Call> calls;  // of each tool, all ways in which it may be called
};

ToolGrammar describe_tool_calls(const ReplyFormat& format, const ToolList& tools);

}  // namespace hearth::text
