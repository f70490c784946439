// What this binary is. The values are filled in by cmake/build_info.cmake.
#pragma once

#include <string_view>

namespace hearth::app {

struct BuildInfo {
  std::string_view version;     // "0.1.0"
  std::string_view compiler;    // "GNU 12.2.0"
  std::string_view build_type;  // "Release"
  std::string_view git_commit;  // at configure time; "unknown" outside of git
};

BuildInfo build_info();

}  // namespace hearth::app
