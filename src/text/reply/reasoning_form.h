// ReasoningForm: the words between which a family of models thinks before it answers. One list; the
// formats in which channels do it (ToolFormat::parse_reply) say it themselves.
#pragma once

#include <span>
#include <string_view>

namespace hearth::text::reply {

struct ReasoningForm {
  std::string_view name;
  std::string_view families;  // for the documents
  std::string_view open;
  std::string_view close;
  // Words around the answer that are not part of it.
  std::span<const std::string_view> around_answer = {};
  std::string_view marker = {};       // must be in the template too, where the words are not enough
  std::string_view answer_open = {};  // of around_answer: what stands before
  std::string_view answer_close = {};  // and behind
};

// Most particular first: the first form whose words are in a template's source is its form.
std::span<const ReasoningForm> reasoning_forms();

// <think> and </think>: what a model may write although its template says nothing of it.
const ReasoningForm& default_reasoning_form();

}  // namespace hearth::text::reply
