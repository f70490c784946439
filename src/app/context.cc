#include "app/command.h"

namespace hearth::app {
namespace {

// A failed write stays in the stream's error flag, where run_hearth() finds it.
void write_all(std::FILE* stream, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

void AppContext::print(std::string_view text) const { write_all(out, text); }

void AppContext::note(std::string_view text) const {
  std::fflush(out);  // keeps the order when both go to one terminal
  write_all(err, text);
  std::fflush(err);
}

}  // namespace hearth::app
