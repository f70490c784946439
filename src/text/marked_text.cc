#include "text/marked_text.h"

#include <algorithm>

namespace hearth::text {

// Called after `length` bytes were appended.
void MarkedText::extend(size_t length, bool from_user) {
  if (length == 0) return;
  const size_t before = bytes_.size() - length;
  if (runs_.empty()) {
    if (!from_user) return;
    if (before > 0) runs_.push_back({before, false});
  }
  if (!runs_.empty() && runs_.back().from_user == from_user) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), from_user});
  }
}

void MarkedText::append(std::string_view bytes, bool from_user) {
  bytes_.append(bytes);
  extend(bytes.size(), from_user);
}

void MarkedText::append(const MarkedText& other) {
  if (other.runs_.empty()) return append(other.bytes_, false);
  size_t begin = 0;
  for (const Run& run : other.runs_) {
    append(std::string_view(other.bytes_).substr(begin, run.end - begin), run.from_user);
    begin = run.end;
  }
}

MarkedText MarkedText::slice(size_t begin, size_t length) const {
  const size_t end = begin + std::min(length, bytes_.size() - begin);
  MarkedText out;
  if (runs_.empty()) {
    out.bytes_ = bytes_.substr(begin, end - begin);
    return out;
  }
  auto run = std::upper_bound(runs_.begin(), runs_.end(), begin,
                              [](size_t at, const Run& r) { return at < r.end; });
  while (begin < end) {
    const size_t stop = std::min(run->end, end);
    out.append(std::string_view(bytes_).substr(begin, stop - begin), run->from_user);
    begin = stop;
    ++run;
  }
  return out;
}

std::vector<RenderedSegment> MarkedText::segments() const {
  if (bytes_.empty()) return {};
  if (runs_.empty()) return {{bytes_, true}};
  std::vector<RenderedSegment> out;
  size_t begin = 0;
  for (const Run& run : runs_) {
    out.push_back({bytes_.substr(begin, run.end - begin), !run.from_user});
    begin = run.end;
  }
  return out;
}

}  // namespace hearth::text
