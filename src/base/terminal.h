// The terminal of this process: whether a stream is one, its size, its input mode, reading keys,
// and the signals a person sends with it (Ctrl-C, a resized window). The only place with termios
// and signal handlers; where the system has no termios every query answers "no terminal" and the
// callers fall back to plain lines. Called by the line editor and the chat loop of `app`. Does not
// decode keys and does not draw.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>

#include "base/result.h"

namespace hearth {

enum class StandardStream { kInput, kOutput, kError };

bool is_terminal(StandardStream stream);

struct WindowSize {
  int columns = 80;
  int rows = 24;
};

// Of the terminal at standard output, else at standard error or input, else 80 x 24.
WindowSize window_size();

enum class InputMode {
  kEdit,   // every key is a byte at once, nothing is echoed, Ctrl-C and Ctrl-Z are bytes as well
  kQuiet,  // as kEdit, but Ctrl-C and Ctrl-Z are signals: while the program answers
};

// Puts the terminal at standard input into a mode; the destructor puts back what was there before.
// A signal that ends the process puts it back too. REQUIRES: at most one exists at a time. What was
// typed and not yet read stays readable across all changes. Not thread safe.
class TerminalMode {
 public:
  // Errors: kUnsupported (standard input is no terminal, or this system has none), kIo.
  static Result<TerminalMode> enter(InputMode mode);

  TerminalMode(TerminalMode&& other) noexcept;
  TerminalMode& operator=(TerminalMode&& other) noexcept;
  TerminalMode(const TerminalMode&) = delete;
  TerminalMode& operator=(const TerminalMode&) = delete;
  ~TerminalMode();

  void set(InputMode mode);
  // Ctrl-Z: restores the terminal, stops the process, and puts the mode back when it is continued.
  void suspend();

 private:
  TerminalMode() = default;
  bool active_ = false;
  InputMode mode_ = InputMode::kEdit;
};

// While one lives, Ctrl-C (SIGINT) sets a flag instead of ending the process, and a resized window
// wakes read_input(). Somebody must look at the flag: the third Ctrl-C that nobody has served ends
// the process after all. REQUIRES: at most one exists at a time. interrupted() may be called from
// any thread.
class SignalWatch {
 public:
  SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  [[nodiscard]] bool interrupted() const;
  void clear();  // the interrupt has been served
};

enum class ReadStatus {
  kBytes,    // `size` > 0 bytes were read
  kEnd,      // the end of the input, or it cannot be read
  kTimeout,  // nothing came within the time
  kSignal,   // Ctrl-C (when it is a signal), a resized window, or the process was continued
};

struct ReadOutcome {
  ReadStatus status = ReadStatus::kEnd;
  size_t size = 0;
};

// Reads what is there from standard input, unbuffered; waits at most timeout_ms (-1: for ever) for
// the first byte. Do not mix with stdio on the same stream.
ReadOutcome read_input(std::span<char> buffer, int timeout_ms);

// Whether the stream has something to read, or has ended, within timeout_ms. For a stream nothing
// has been read from yet (what stdio has buffered is not seen). True where the system cannot tell.
bool has_input(std::FILE* stream, int timeout_ms);

}  // namespace hearth
