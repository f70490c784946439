#include "app/text_input.h"

#include <array>
#include <cstdio>
#include <memory>

namespace hearth::app {
namespace {

constexpr size_t kTextBytesMax = size_t{1} << 30;

Result<std::string> read_all(std::FILE* in, const std::string& what) {
  std::string text;
  std::array<char, 65536> piece;
  while (const size_t n = std::fread(piece.data(), 1, piece.size(), in)) {
    text.append(piece.data(), n);
    if (text.size() > kTextBytesMax)
      return fail(ErrorCode::kInvalidArgument, what + " is longer than 1 GiB",
                  "split it into several texts");
  }
  if (std::ferror(in) != 0) return fail(ErrorCode::kIo, what + " cannot be read");
  return text;
}

}  // namespace

Result<std::string> read_text_input(const std::string& path, const AppContext& context) {
  if (path == "-") return read_all(context.in, "standard input");
  // Not FileMap: the text may come from a pipe (a shell's <(...)).
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (file == nullptr)
    return fail(ErrorCode::kNotFound, "the file '" + path + "' cannot be opened",
                "check its name and whether you may read it");
  return read_all(file.get(), "'" + path + "'");
}

}  // namespace hearth::app
