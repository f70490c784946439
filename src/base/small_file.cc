#include "base/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>

#include "base/new_file.h"
#include "base/printable.h"

namespace hearth {
namespace fs = std::filesystem;
namespace {

std::unexpected<Error> io_error(std::string_view what, const std::string& path, int code) {
  return fail(ErrorCode::kIo,
              fmt::format("cannot {} '{}': {}", what, printable(path), std::strerror(code)));
}

}  // namespace

// Makes the folder and what lacks above it. Depth is bounded by the length the system allows a
// path.
Result<void> make_private_folders(const std::string& path) {
  const fs::path folder = path;
  if (folder.empty()) return {};
  std::error_code code;
  if (fs::is_directory(folder, code)) return {};
  if (folder.has_relative_path() && folder.parent_path() != folder)
    HEARTH_TRY(make_private_folders(folder.parent_path().string()));
  if (::mkdir(folder.c_str(), 0700) != 0) {
    const int error = errno;
    if (error != EEXIST || !fs::is_directory(folder, code))  // else another program was faster
      return io_error("make the folder", folder.string(), error);
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path, size_t size_max) {
  // Without O_NONBLOCK a named pipe in the file's place would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(ErrorCode::kNotFound, fmt::format("there is no file '{}'", printable(path)));
    return io_error("open", path, errno);
  }
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a regular file", printable(path)));
  }
  const auto size = size_t(info.st_size);
  std::string bytes(std::min(size, size_max), '\0');
  const auto begin = off_t(size - bytes.size());
  size_t done = 0;
  int error = 0;
  while (done < bytes.size() && error == 0) {
    const ssize_t n = ::pread(fd, bytes.data() + done, bytes.size() - done, begin + off_t(done));
    if (n == 0) break;  // became shorter meanwhile
    if (n > 0) done += size_t(n);
    if (n < 0 && errno != EINTR) error = errno;
  }
  ::close(fd);
  if (error != 0) return io_error("read", path, error);
  bytes.resize(done);
  return bytes;
}

Result<void> replace_small_file(const std::string& path, std::string_view bytes) {
  std::error_code code;
  fs::path target = path;
  if (fs::is_symlink(target, code)) {
    const fs::path real = fs::weakly_canonical(target, code);
    if (!code) target = real;
  }
  HEARTH_TRY(make_private_folders(target.parent_path()));

  HEARTH_ASSIGN(NewFile file,
                NewFile::create(target.string(), bytes.size(), FileAccess::kOwnerOnly));
  HEARTH_TRY(file.append(std::as_bytes(std::span(bytes))));
  return file.commit();
}

}  // namespace hearth
