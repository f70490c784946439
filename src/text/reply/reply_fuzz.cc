// Fuzz target: any bytes as a reply in any format, in pieces: the first byte says which format, the
// second how long the pieces are. What comes out must not depend on the pieces, and arguments of
// calls must be JSON objects.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/reply/formats/list.h"
#include "text/reply/reply_parser.h"

namespace {

using namespace hearth::text;

Reply reply_in_pieces(std::string_view text, const ReplyOptions& options, size_t piece) {
  ReplyParser parser(options);
  ReplyCollector collector;
  for (size_t at = 0; at < text.size(); at += piece)
    collector.add(parser.push(text.substr(at, piece)));
  collector.add(parser.finish());
  return collector.reply();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const ToolList kTools = *ToolList::parse(
      R"([{"name": "f", "parameters": {"properties": {"a": {"type": "integer"}, "s": {"type": "string"}}}}])");
  const auto formats = reply::tool_formats();
  const reply::ToolFormat* const format = formats[data[0] % formats.size()];
  ReplyFormat found;
  found.tools = format;
  ReplyOptions options{
      .format = std::move(found),
      .tools = kTools,
      .prompt_tail = data[1] >= 128 ? "<think>" : std::string(format->reply_begin)};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Reply whole = reply_in_pieces(text, options, text.size() + 1);
  if (reply_in_pieces(text, options, 1 + data[1] % 16) != whole) __builtin_trap();
  for (const ToolCall& call : whole.calls) {
    std::string mended;
    if (!reply::read_json(call.arguments, mended) || mended != call.arguments) __builtin_trap();
  }
  return 0;
}
