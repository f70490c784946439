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

}  // namespace hearth::text
