#include "app/status_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/grapheme.h"
#include "base/printable.h"
#include "base/terminal.h"

namespace hearth::app {
namespace {

using namespace std::chrono_literals;

// A wait shorter than this needs no explanation; a line that flashes by only disturbs.
constexpr auto kFirstAfter = 400ms;
constexpr auto kEvery = 100ms;
constexpr int kBarColumns = 24;

}  // namespace

std::string status_text(std::string_view what, uint64_t done, uint64_t total, int columns) {
  const double share = total == 0 ? 0.0 : std::min(1.0, double(done) / double(total));
  const int filled = int(share * kBarColumns);
  const std::string tail = fmt::format(" [{:#<{}}{:-<{}}] {:3} %", "", filled, "",
                                       kBarColumns - filled, int(share * 100));
  std::string head = printable(what);
  while (!head.empty() && text_columns(head) + int(tail.size()) >= columns)
    head.erase(previous_grapheme(head, head.size()));
  return head + tail;
}

void StatusLine::show(std::string_view what, uint64_t done, uint64_t total) {
  if (!context_.err_is_terminal) return;
  const auto now = Clock::now();
  if (!waiting_) {
    waiting_ = true;
    next_ = now + kFirstAfter;
  }
  if (now < next_) return;
  next_ = now + kEvery;
  shown_ = true;
  context_.note(fmt::format("\r{}\x1b[K", status_text(what, done, total, window_size().columns)));
}

void StatusLine::clear() {
  if (shown_) context_.note("\r\x1b[K");
  waiting_ = false;
  shown_ = false;
}

}  // namespace hearth::app
