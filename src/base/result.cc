#include "base/result.h"

#include <cstdio>

namespace hearth {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "hearth: internal error at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace hearth
