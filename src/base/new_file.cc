#include "base/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/printable.h"

namespace hearth {
namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Opens a file that did not exist before, beside `path`. Sets `temporary_path`. -1 and errno on
// failure.
int open_temporary(const std::string& path, FileAccess access, std::string& temporary_path) {
  const mode_t mode = access == FileAccess::kOwnerOnly ? 0600 : 0666;
  constexpr int kAttempts = 100;  // left-overs of killed processes with our process id
  for (int i = 0; i < kAttempts; ++i) {
    temporary_path = fmt::format("{}.part-{}-{}", path, ::getpid(), i);
    const int fd = ::open(temporary_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

}  // namespace

Error NewFile::system_error(const char* action, int error_number) const {
  const std::string what = fmt::format("cannot {} '{}': ", action, printable(path_));
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return {ErrorCode::kIo,
              what + fmt::format("the disk is full ({} of {} bytes were written)", written_bytes_,
                                 std::max(expected_bytes_, written_bytes_)),
              "free some space or write to another disk"};
    case EFBIG:
      return {ErrorCode::kIo,
              what + "the file system or a limit (ulimit -f) allows no file of this size",
              "write to another disk, or split the model into smaller files"};
    case EROFS:
    case EACCES:
    case EPERM:
      return {
          ErrorCode::kIo,
          what + fmt::format("the folder '{}' is read-only for you", printable(folder_of(path_))),
          "write to a folder of your own"};
    case ENOENT:
    case ENOTDIR:
      if (struct stat info{}; ::stat(folder_of(path_).c_str(), &info) == 0 && S_ISDIR(info.st_mode))
        return {
            ErrorCode::kIo,
            what + fmt::format("the folder '{}' takes no new files", printable(folder_of(path_))),
            "write to a folder of your own"};
      return {ErrorCode::kNotFound,
              what + fmt::format("there is no folder '{}'", printable(folder_of(path_))),
              "create the folder first"};
    default:
      return {ErrorCode::kIo, what + std::strerror(error_number), ""};
  }
}

Result<NewFile> NewFile::create(const std::string& path, uint64_t size_bytes, FileAccess access) {
  struct stat info{};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (path.empty() || path.ends_with('/') || (exists && S_ISDIR(info.st_mode)))
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is a folder, not a file name", printable(path)),
                "add the name of the file to be written");
  NewFile file;
  file.path_ = path;
  file.expected_bytes_ = size_bytes;
  // A device or a pipe (/dev/stdout) is written to and never replaced: as root, a rename would.
  if (exists && !S_ISREG(info.st_mode)) {
    file.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.fd_ < 0) return std::unexpected(file.system_error("open", errno));
    return file;
  }
  std::string temporary_path;
  file.fd_ = open_temporary(path, access, temporary_path);
  if (file.fd_ < 0) return std::unexpected(file.system_error("create", errno));
  file.temporary_path_ = std::move(temporary_path);
  if (size_bytes > 0 && ::fallocate(file.fd_, 0, 0, off_t(size_bytes)) != 0) {
    // File systems without this call just do not tell in advance.
    const int error_number = errno;
    if (error_number != EOPNOTSUPP && error_number != ENOSYS && error_number != EINVAL &&
        error_number != EINTR)
      return std::unexpected(file.system_error("write", error_number));
  }
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, {})),
      fd_(std::exchange(other.fd_, -1)),
      written_bytes_(other.written_bytes_),
      expected_bytes_(other.expected_bytes_) {}

NewFile::~NewFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

Result<void> NewFile::append(std::span<const std::byte> bytes) {
  HEARTH_CHECK(fd_ >= 0);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), size_t{1} << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error("write", errno));
    bytes = bytes.subspan(size_t(n));
    written_bytes_ += uint64_t(n);
  }
  return {};
}

void NewFile::sync() { ::fdatasync(fd_); }

Result<void> NewFile::commit() {
  HEARTH_CHECK(fd_ >= 0);
  if (temporary_path_.empty()) {  // a device or a pipe
    if (::close(std::exchange(fd_, -1)) != 0) return std::unexpected(system_error("write", errno));
    return {};
  }
  // A reservation that was larger than what came must not leave zeros at the end.
  if (::ftruncate(fd_, off_t(written_bytes_)) != 0 || ::fsync(fd_) != 0)
    return std::unexpected(system_error("write", errno));
  if (::close(std::exchange(fd_, -1)) != 0) return std::unexpected(system_error("write", errno));
  if (::rename(temporary_path_.c_str(), path_.c_str()) != 0)
    return std::unexpected(system_error("create", errno));
  temporary_path_.clear();
  // The new name itself must survive a power cut too; some file systems cannot sync a folder, which
  // is no failure.
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

}  // namespace hearth
