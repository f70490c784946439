#include "text/escape.h"

namespace hearth::text {

std::string unescape_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0;;) {
    const size_t hit = text.find(kEscapedSpace, at);
    out += text.substr(at, hit - at);
    if (hit == text.npos) return out;
    out += ' ';
    at = hit + kEscapedSpace.size();
  }
}

}  // namespace hearth::text
