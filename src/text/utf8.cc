#include "text/utf8.h"

#include <utility>

namespace hearth::text {

std::string Utf8Filter::push(std::string_view bytes) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::exchange(held_, {});
    joined += bytes;
    bytes = joined;
  }
  std::string out;
  out.reserve(bytes.size());
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (p < end) {
    const Utf8Step step = utf8_step(p, end);
    if (step.status == Utf8Status::kValid) {
      out.append(p, step.length);
    } else if (step.status == Utf8Status::kInvalid) {
      append_utf8(out, kReplacement);
    } else {
      held_.assign(p, step.length);
    }
    p += step.length;
  }
  return out;
}

std::string Utf8Filter::flush() {
  std::string out;
  if (!held_.empty()) append_utf8(out, kReplacement);
  held_.clear();
  return out;
}

std::string to_valid_utf8(std::string_view bytes) {
  Utf8Filter filter;
  std::string out = filter.push(bytes);
  out += filter.flush();
  return out;
}

}  // namespace hearth::text
