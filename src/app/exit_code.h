// The exit code of `hearth` for each kind of error: one table, shown in the man page and in
// docs/cli.md. Scripts rely on these numbers, so they never change their meaning.
#pragma once

#include <string_view>

#include "base/result.h"

namespace hearth::app {

struct ExitCodeRow {
  ErrorCode code;
  int exit_code;
  std::string_view meaning;
};

inline constexpr ExitCodeRow kExitCodes[] = {
    {ErrorCode::kInvalidArgument, 2, "the command line or a value in it makes no sense"},
    {ErrorCode::kNotFound, 3, "a file or a name does not exist"},
    {ErrorCode::kCorrupt, 4, "a file breaks the rules of its format"},
    {ErrorCode::kUnsupported, 5, "well formed, but nothing this version can do"},
    {ErrorCode::kIo, 6, "the operating system refused to read or write"},
    {ErrorCode::kOutOfMemory, 7, "it does not fit into the memory there is"},
    {ErrorCode::kContextFull, 8, "more tokens than the context holds"},
    {ErrorCode::kInternal, 70, "a bug in Hearth"},
    {ErrorCode::kCancelled, 130, "stopped with Ctrl-C"},
};

// 70, as for a bug, if the table misses the code.
constexpr int exit_code_of(ErrorCode code) {
  for (const ExitCodeRow& row : kExitCodes)
    if (row.code == code) return row.exit_code;
  return 70;
}

}  // namespace hearth::app
