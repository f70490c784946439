// Result<T>: how every room reports failure. A value, or an Error that says what happened, why, and
// what to do. Used at every room boundary and for every byte that comes from a file, the network or
// a person. Exceptions of libraries are caught at the call that uses the library and turned into an
// Error.
#pragma once

#include <cstdlib>
#include <expected>
#include <string>
#include <utility>

namespace hearth {

// The app maps each code to an exit code (app/exit_code.h), the server to an HTTP status; one table
// each.
enum class ErrorCode {
  kInvalidArgument,  // the caller or the person asked for something that makes no sense
  kNotFound,         // a file, a name
  kCorrupt,          // bytes that break their format's rules
  kUnsupported,      // well formed, but not something this build knows
  kIo,               // the operating system refused (read-only, full, not a terminal, ...)
  kOutOfMemory,      // would not fit the memory there is
  kContextFull,      // more tokens than the context holds
  kCancelled,        // stopped on request
  kInternal,         // our own bug
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // one sentence: what happened and why
  std::string hint;     // one sentence: what to do next; may be empty
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// `return fail(ErrorCode::kCorrupt, fmt::format(...), "download the file again");`
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message,
                                                 std::string hint = {}) {
  return std::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

// Prints file:line and the condition, then aborts. Only for our own bugs, never for input.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// HEARTH_TRY(expr): returns the error of `expr` (a Result) from the calling function, if it is one.
#define HEARTH_TRY(expr)                                                                  \
  do {                                                                                    \
    auto hearth_try_result = (expr);                                                      \
    if (!hearth_try_result) return std::unexpected(std::move(hearth_try_result).error()); \
  } while (false)

// HEARTH_ASSIGN(auto x, expr): x = the value of `expr`, or returns its error from the calling
// function.
#define HEARTH_ASSIGN(lhs, expr) \
  HEARTH_ASSIGN_INNER(HEARTH_CONCAT(hearth_assign_, __LINE__), lhs, expr)
#define HEARTH_ASSIGN_INNER(tmp, lhs, expr)                 \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  lhs = std::move(*tmp)

// CHECK(condition): an invariant of ours, tested in all builds.
#define HEARTH_CHECK(condition)                               \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::hearth::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
