// What the tests of this folder share: real templates, and the ways of feeding a parser.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "text/reply/reply_parser.h"

namespace hearth::text {

inline const std::filesystem::path kTemplates =
    std::filesystem::path(HEARTH_SHARED_DIR) / "data" / "chat-templates";

#define SKIP_WITHOUT_TEMPLATES()            \
  if (!std::filesystem::exists(kTemplates)) \
  GTEST_SKIP() << "no shared test data (../shared/data/chat-templates)"

inline ChatTemplate read_template(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  auto parsed = ChatTemplate::parse(text.str());
  if (!parsed) throw std::runtime_error(path.string() + ": " + parsed.error().message);
  return std::move(*parsed);
}

// "chujiezheng/zephyr", ... in the order of names.
inline std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const char* folder : {"chujiezheng", "llama.cpp"})
    for (const auto& entry : std::filesystem::directory_iterator(kTemplates / folder))
      names.push_back(std::string(folder) + "/" + entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

inline ChatTemplate named_template(const std::string& name) {
  return read_template(kTemplates / (name + ".jinja"));
}

// Pieces of the same kind and call joined: what must not depend on how the text was cut.
inline std::vector<ReplyEvent> joined(std::vector<ReplyEvent> events) {
  std::vector<ReplyEvent> out;
  for (ReplyEvent& event : events) {
    using Kind = ReplyEvent::Kind;
    const bool piece = event.kind == Kind::kText || event.kind == Kind::kReasoning ||
                       event.kind == Kind::kCallArguments;
    if (piece && !out.empty() && out.back().kind == event.kind)
      out.back().text += event.text;
    else
      out.push_back(std::move(event));
  }
  return out;
}

inline std::vector<ReplyEvent> events_in_pieces(const std::string& text,
                                                const ReplyOptions& options, size_t piece) {
  ReplyParser parser(options);
  std::vector<ReplyEvent> all;
  const auto add = [&](std::vector<ReplyEvent> events) {
    all.insert(all.end(), std::make_move_iterator(events.begin()),
               std::make_move_iterator(events.end()));
  };
  for (size_t at = 0; at < text.size(); at += piece)
    add(parser.push(std::string_view(text).substr(at, piece)));
  add(parser.finish());
  return joined(std::move(all));
}

// The reply, after making sure that it is the same byte by byte, in odd pieces and at once.
inline Reply checked_reply(const std::string& text, const ReplyOptions& options) {
  const auto at_once = events_in_pieces(text, options, std::max<size_t>(text.size(), 1));
  EXPECT_EQ(events_in_pieces(text, options, 1), at_once) << text;
  EXPECT_EQ(events_in_pieces(text, options, 7), at_once) << text;
  ReplyCollector collector;
  collector.add(at_once);
  return collector.reply();
}

// A call as a conversation holds it.
struct WrittenCall {
  const char* name = "write_file";
  const char* arguments = "{}";
};

inline Value call_with(const WrittenCall& call_of, bool as_text) {
  Dict function;
  function.set("name", std::string(call_of.name));
  function.set("arguments", as_text ? Value(std::string(call_of.arguments))
                                    : *template_value_from_json(call_of.arguments));
  Dict call;
  call.set("id", "abcdef123");
  call.set("type", "function");
  call.set("function", Value::dict(std::move(function)));
  return Value::list({Value::dict(std::move(call))});
}

// What the template writes for a call; the prompt's tail is cut off it.
inline std::string written_call(const ChatTemplate& chat_template, const ChatOptions& given,
                                const ReplyFormat& format, const WrittenCall& call,
                                std::string& tail) {
  ChatOptions options = given;
  const std::vector<ChatMessage> asked = {{.role = "user", .content = Value::user_text("Go.")}};
  const auto prompt = chat_template.render_chat(asked, options);
  options.add_generation_prompt = false;
  const auto before = chat_template.render_chat(asked, options);
  auto messages = asked;
  messages.push_back({.role = "assistant",
                      .content = format.calls_without_content ? Value(nullptr) : Value(""),
                      .fields = {{"tool_calls", call_with(call, format.arguments_as_text)}}});
  const auto all = chat_template.render_chat(messages, options);
  if (!prompt || !before || !all) return {};
  tail = reply_prompt_tail(prompt->text, before->text);
  const std::string added = reply_prompt_tail(all->text, before->text);
  size_t shared = size_t(std::ranges::mismatch(added, tail).in1 - added.begin());
  while (shared > 0 && shared < tail.size() &&
         !std::string_view(">\n]: ").contains(tail[shared - 1]))
    --shared;
  tail.resize(shared);
  return added.substr(shared);
}

}  // namespace hearth::text
