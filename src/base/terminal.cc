#include "base/terminal.h"

#include <utility>

#if __has_include(<termios.h>) && !defined(HEARTH_NO_TERMIOS)

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hearth {
namespace {

// Signals belong to the process, not to an object, and a handler can reach nothing but globals:
// this is the one exception to "no mutable globals". Only lock-free atomics and what is written
// before a handler is installed.
// What ends a process: on request, and by a bug or a truncated mapped file. All must put the
// terminal back.
constexpr std::array kFatalSignals = {SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS};

struct SignalState {
  std::atomic<int> interrupts = 0;        // Ctrl-C that nobody has served
  std::atomic<bool> saved_valid = false;  // `saved` is what the terminal must go back to
  std::atomic<bool> watching = false;
  termios saved = {};
  std::array<struct sigaction, kFatalSignals.size()> previous = {};  // of kFatalSignals
  // A pipe, so that a signal taken by any thread ends the poll() of the reading one.
  int wake_read = -1;
  int wake_write = -1;
};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

SignalState& state() {
  static constinit SignalState instance;
  return instance;
}

// One answer may be hard to stop (a slow disk, a bug): this many unserved Ctrl-C are taken as
// "really".
constexpr int kInterruptsMax = 3;

constexpr std::string_view kPasteOff = "\x1b[?2004l";

void restore_terminal() noexcept {
  if (!state().saved_valid.exchange(false)) return;
  (void)!::write(STDOUT_FILENO, kPasteOff.data(), kPasteOff.size());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &state().saved);
}

// Handlers below run at any moment: only async-signal-safe calls, and errno as it was.
extern "C" void hearth_on_fatal(int signal) {
  restore_terminal();
  for (size_t i = 0; i < kFatalSignals.size(); ++i)
    if (kFatalSignals[i] == signal) ::sigaction(signal, &state().previous[i], nullptr);
  ::raise(signal);  // arrives when this handler returns
}

extern "C" void hearth_on_watched(int signal) {
  const int saved_errno = errno;
  if (signal == SIGINT && state().interrupts.fetch_add(1) + 1 >= kInterruptsMax) {
    restore_terminal();
    ::_exit(128 + SIGINT);
  }
  const char byte = 0;
  (void)!::write(state().wake_write, &byte, 1);
  errno = saved_errno;
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  // No SA_RESTART: whatever waits for a person must see the signal. File reads of ours retry on
  // EINTR.
  ::sigaction(signal, &action, nullptr);
}

void install_fatal() {
  for (size_t i = 0; i < kFatalSignals.size(); ++i) {
    ::sigaction(kFatalSignals[i], nullptr, &state().previous[i]);
    // Whoever started us may have asked to ignore it (nohup).
    if (state().previous[i].sa_handler != SIG_IGN) install(kFatalSignals[i], hearth_on_fatal);
  }
}

void uninstall_fatal() {
  for (size_t i = 0; i < kFatalSignals.size(); ++i)
    ::sigaction(kFatalSignals[i], &state().previous[i], nullptr);
}

void make_wake_pipe() {
  if (state().wake_read >= 0) return;
  int ends[2];
  if (::pipe(ends) != 0) return;  // then a signal that another thread takes is seen at the next key
  for (const int fd : ends) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  state().wake_read = ends[0];
  state().wake_write = ends[1];
}

int descriptor(StandardStream stream) {
  switch (stream) {
    case StandardStream::kInput:
      return STDIN_FILENO;
    case StandardStream::kOutput:
      return STDOUT_FILENO;
    case StandardStream::kError:
      return STDERR_FILENO;
  }
  std::unreachable();
}

bool apply(InputMode mode) {
  termios t = state().saved;
  t.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON);
  t.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | IEXTEN);
  if (mode == InputMode::kEdit)
    t.c_lflag &= ~tcflag_t(ISIG);
  else
    t.c_lflag |= tcflag_t(ISIG);
  t.c_cflag = (t.c_cflag & ~tcflag_t(CSIZE | PARENB)) | tcflag_t(CS8);
  t.c_cc[VMIN] = 1;
  t.c_cc[VTIME] = 0;
  return ::tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

}  // namespace

bool is_terminal(StandardStream stream) { return ::isatty(descriptor(stream)) == 1; }

WindowSize window_size() {
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
      return {int(size.ws_col), size.ws_row > 0 ? int(size.ws_row) : WindowSize{}.rows};
  }
  return {};
}

Result<TerminalMode> TerminalMode::enter(InputMode mode) {
  HEARTH_CHECK(!state().saved_valid);
  if (!is_terminal(StandardStream::kInput))
    return fail(ErrorCode::kUnsupported, "standard input is not a terminal");
  if (::tcgetattr(STDIN_FILENO, &state().saved) != 0)
    return fail(ErrorCode::kIo,
                fmt::format("cannot read the settings of the terminal: {}", std::strerror(errno)));
  state().saved_valid = true;
  install_fatal();
  TerminalMode entered;
  entered.active_ = true;
  entered.mode_ = mode;
  if (!apply(mode))
    return fail(ErrorCode::kIo,
                fmt::format("cannot change the mode of the terminal: {}", std::strerror(errno)));
  return entered;
}

TerminalMode::TerminalMode(TerminalMode&& other) noexcept
    : active_(std::exchange(other.active_, false)), mode_(other.mode_) {}

TerminalMode& TerminalMode::operator=(TerminalMode&& other) noexcept {
  std::swap(active_, other.active_);
  std::swap(mode_, other.mode_);
  return *this;
}

TerminalMode::~TerminalMode() {
  if (!active_) return;
  restore_terminal();
  uninstall_fatal();
}

void TerminalMode::set(InputMode mode) {
  if (!active_) return;
  mode_ = mode;
  apply(mode);
}

void TerminalMode::suspend() {
  if (!active_) return;
  restore_terminal();
  ::raise(SIGTSTP);
  // Continued: somebody else may have changed the terminal meanwhile, so what to go back to is read
  // again.
  if (::tcgetattr(STDIN_FILENO, &state().saved) != 0) return;
  state().saved_valid = true;
  apply(mode_);
}

SignalWatch::SignalWatch() {
  HEARTH_CHECK(!state().watching.exchange(true));
  make_wake_pipe();
  state().interrupts = 0;
  install(SIGINT, hearth_on_watched);
  install(SIGWINCH, hearth_on_watched);
}

SignalWatch::~SignalWatch() {
  install(SIGINT, SIG_DFL);
  install(SIGWINCH, SIG_DFL);
  state().watching = false;
}

bool SignalWatch::interrupted() const { return state().interrupts.load() > 0; }

void SignalWatch::clear() { state().interrupts = 0; }

ReadOutcome read_input(std::span<char> buffer, int timeout_ms) {
  std::array<pollfd, 2> waits = {{{STDIN_FILENO, POLLIN, 0}, {state().wake_read, POLLIN, 0}}};
  const int ready = ::poll(waits.data(), waits.size(), timeout_ms);
  if (ready == 0) return {ReadStatus::kTimeout, 0};
  if (ready < 0) return {errno == EINTR ? ReadStatus::kSignal : ReadStatus::kEnd, 0};
  if ((waits[1].revents & POLLIN) != 0) {
    std::array<char, 64> drain;
    while (::read(state().wake_read, drain.data(), drain.size()) > 0) {
    }
    return {ReadStatus::kSignal, 0};
  }
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n > 0) return {ReadStatus::kBytes, size_t(n)};
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {ReadStatus::kSignal, 0};
  return {ReadStatus::kEnd, 0};
}

bool has_input(std::FILE* stream, int timeout_ms) {
  pollfd wait = {::fileno(stream), POLLIN, 0};
  return ::poll(&wait, 1, timeout_ms) != 0;
}

}  // namespace hearth

#else  // no termios: plain lines only

#include <csignal>
#include <cstdio>

namespace hearth {
namespace {
volatile std::sig_atomic_t g_interrupts = 0;

extern "C" void hearth_on_interrupt(int signal) {
  g_interrupts = g_interrupts + 1;
  std::signal(signal, g_interrupts < 3 ? hearth_on_interrupt : SIG_DFL);
}
}  // namespace

bool is_terminal(StandardStream) { return false; }
WindowSize window_size() { return {}; }

Result<TerminalMode> TerminalMode::enter(InputMode) {
  return fail(ErrorCode::kUnsupported, "this system's terminal cannot be switched to single keys");
}
TerminalMode::TerminalMode(TerminalMode&& other) noexcept = default;
TerminalMode& TerminalMode::operator=(TerminalMode&& other) noexcept = default;
TerminalMode::~TerminalMode() = default;
void TerminalMode::set(InputMode mode) { mode_ = mode; }
void TerminalMode::suspend() { active_ = false; }

SignalWatch::SignalWatch() { std::signal(SIGINT, hearth_on_interrupt); }
SignalWatch::~SignalWatch() { std::signal(SIGINT, SIG_DFL); }
bool SignalWatch::interrupted() const { return g_interrupts > 0; }
void SignalWatch::clear() { g_interrupts = 0; }

ReadOutcome read_input(std::span<char> buffer, int) {
  size_t n = 0;
  while (n < buffer.size()) {
    const int c = std::getc(stdin);
    if (c == EOF) break;
    buffer[n++] = char(c);
    if (c == '\n') break;
  }
  return {n > 0 ? ReadStatus::kBytes : ReadStatus::kEnd, n};
}

bool has_input(std::FILE*, int) { return true; }

}  // namespace hearth

#endif
