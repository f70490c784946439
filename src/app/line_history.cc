#include "app/line_history.h"

#include <algorithm>
#include <utility>

#include "app/grapheme.h"
#include "base/small_file.h"

namespace hearth::app {
namespace {

std::string escape(std::string_view entry) {
  std::string line;
  line.reserve(entry.size() + 1);
  for (const char c : entry) {
    if (c == '\n')
      line += "\\n";
    else if (c == '\\')
      line += "\\\\";
    else
      line += c;
  }
  return line + '\n';
}

std::string unescape(std::string_view line) {
  std::string entry;
  entry.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    const bool escaped = line[i] == '\\' && i + 1 < line.size();
    if (!escaped)
      entry += line[i];
    else
      entry += line[++i] == 'n' ? '\n' : line[i];
  }
  return clean_input(entry);
}

// The last entries of the file's text, as they stand there.
std::deque<std::string_view> last_lines(std::string_view text, size_t lines_max) {
  std::deque<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) lines.push_back(line);
    if (lines.size() > lines_max) lines.pop_front();
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

Result<void> LineHistory::open(std::string path) {
  path_ = std::move(path);
  auto text = read_small_file(path_, kFileBytesMax);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return {};
    return std::unexpected(std::move(text).error());
  }
  for (const std::string_view line : last_lines(*text, kEntriesMax)) remember(unescape(line));
  return {};
}

void LineHistory::remember(std::string entry) {
  if (entry.empty() || (!entries_.empty() && entries_.back() == entry)) return;
  entries_.push_back(std::move(entry));
  if (entries_.size() > kEntriesMax) entries_.pop_front();
}

Result<void> LineHistory::add(std::string_view entry) {
  if (!enabled_ || entry.empty() || (!entries_.empty() && entries_.back() == entry)) return {};
  remember(std::string(entry));
  if (path_.empty() || entry.size() > kEntryBytesMax) return {};
  // The file is read again, since another program may have added to it. Two that add in the same
  // moment lose one entry, never the file.
  auto text = read_small_file(path_, kFileBytesMax);
  if (!text && text.error().code != ErrorCode::kNotFound)
    return std::unexpected(std::move(text).error());
  std::string fresh;
  if (text) {
    for (const std::string_view line : last_lines(*text, kEntriesMax - 1)) {
      fresh += line;
      fresh += '\n';
    }
  }
  const std::string line = escape(entry);
  if (fresh.size() + line.size() > kFileBytesMax) {
    const size_t cut = fresh.find('\n', fresh.size() + line.size() - kFileBytesMax);
    fresh.erase(0, cut == std::string::npos ? std::string::npos : cut + 1);
  }
  return replace_small_file(path_, fresh + line);
}

const std::string& LineHistory::at_age(size_t age) const {
  HEARTH_CHECK(age < entries_.size());
  return entries_[entries_.size() - 1 - age];
}

std::optional<size_t> LineHistory::find(std::string_view wanted, size_t from) const {
  for (size_t age = from; age < entries_.size(); ++age)
    if (at_age(age).find(wanted) != std::string::npos) return age;
  return std::nullopt;
}

}  // namespace hearth::app
