// Chat templates of our own for well-known formats, for files that bring none: chosen by a person,
// by name, never in silence. Called by the app and the api rooms.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

struct NamedTemplate {
  std::string_view name;      // "chatml"
  std::string_view families;  // "Qwen, Yi, ..."
  std::string_view source;    // Jinja
};

std::span<const NamedTemplate> named_templates();
const NamedTemplate* find_named_template(std::string_view name);
// "chatml, llama2, ...", for errors and help.
std::string named_template_list();

// A mistake of a template that is in many files, and what is put in its place.
struct TemplateCure {
  std::string_view name;
  std::string_view problem;  // what goes wrong without it
  std::string_view marker;   // only where this is in the source, too
  std::string_view from;
  std::string_view to;
};

std::span<const TemplateCure> template_cures();

struct CuredTemplate {
  std::string source;
  std::vector<std::string> notes;  // one sentence for each cure
};

CuredTemplate cure_template(std::string_view source);

}  // namespace hearth::text
