#include "base/cache_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/small_file.h"

namespace hearth {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLockName = "lock";
// What NewFile calls a file that is not complete.
constexpr std::string_view kPartMark = ".part-";

struct Entry {
  fs::path path;
  uint64_t size_bytes = 0;
  fs::file_time_type used;
};

// The whole files; those of killed writers go to `parts`. What cannot be examined is left out.
std::vector<Entry> list_files(const std::string& folder, std::vector<fs::path>& parts) {
  std::vector<Entry> files;
  std::error_code code;
  fs::directory_iterator it(folder, code);
  for (; !code && it != fs::directory_iterator(); it.increment(code)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name == kLockName || !it->is_regular_file(ignored) || it->is_symlink(ignored)) continue;
    if (name.contains(kPartMark)) {
      parts.push_back(it->path());
      continue;
    }
    Entry entry{it->path(), it->file_size(ignored), it->last_write_time(ignored)};
    if (!ignored) files.push_back(std::move(entry));
  }
  return files;
}

}  // namespace

Result<void> CacheFolder::check_owner() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0)
    return fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot examine '{}': {}", printable(path_), std::strerror(errno)));
  if (!S_ISDIR(info.st_mode))
    return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' is no folder", printable(path_)));
  if (info.st_uid != ::geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("others may write to '{}'", printable(path_)),
                "make it a folder of your own: chmod 700");
  return {};
}

Result<CacheFolder> CacheFolder::find(const std::string& path) {
  CacheFolder folder(path);
  HEARTH_TRY(folder.check_owner());
  return folder;
}

Result<CacheFolder> CacheFolder::open(const std::string& path) {
  HEARTH_TRY(make_private_folders(path));
  return find(path);
}

CacheFolder::CacheFolder(CacheFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

CacheFolder::~CacheFolder() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<void> CacheFolder::lock() {
  if (lock_fd_ >= 0) return {};
  const int fd =
      ::open(path_of(kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return fail(ErrorCode::kIo,
                fmt::format("cannot write to '{}': {}", printable(path_), std::strerror(errno)));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(ErrorCode::kIo, error == EWOULDBLOCK
                                    ? "another program is writing to it"
                                    : fmt::format("cannot lock it: {}", std::strerror(error)));
  }
  lock_fd_ = fd;
  return {};
}

Result<void> CacheFolder::make_room(const std::string& name, uint64_t size_bytes,
                                    uint64_t limit_bytes) const {
  HEARTH_CHECK(lock_fd_ >= 0);
  std::vector<fs::path> parts;
  std::vector<Entry> files = list_files(path_, parts);
  std::error_code code;
  for (const fs::path& part : parts) fs::remove(part, code);
  uint64_t held = 0;
  for (const Entry& file : files) held += file.size_bytes;
  const fs::space_info space = fs::space(path_, code);
  const uint64_t free = code ? 0 : uint64_t(space.available);
  if (size_bytes > limit_bytes)
    return fail(ErrorCode::kIo, fmt::format("it would take {} MB, and the limit is {} MB",
                                            size_bytes / 1'000'000, limit_bytes / 1'000'000));
  if (size_bytes > free + held)
    return fail(ErrorCode::kIo, fmt::format("it would take {} MB, and the disk has {} MB free",
                                            size_bytes / 1'000'000, free / 1'000'000));
  std::ranges::sort(files, {}, &Entry::used);
  // Its own predecessor first: it is of no use any more.
  std::ranges::stable_partition(files, [&](const Entry& f) { return f.path.filename() == name; });
  uint64_t removed = 0;
  for (const Entry& file : files) {
    const bool fits = held + size_bytes <= limit_bytes && size_bytes <= free + removed;
    if (fits && file.path.filename() != name) continue;
    if (!fs::remove(file.path, code)) continue;
    held -= file.size_bytes;
    removed += file.size_bytes;
  }
  return {};
}

void CacheFolder::touch(const std::string& name) const {
  ::utimensat(AT_FDCWD, path_of(name).c_str(), nullptr, 0);
}

uint64_t CacheFolder::default_limit() const {
  constexpr uint64_t kMost = 50'000'000'000;
  std::vector<fs::path> parts;
  uint64_t held = 0;
  for (const Entry& file : list_files(path_, parts)) held += file.size_bytes;
  std::error_code code;
  const fs::space_info space = fs::space(path_, code);
  return code ? 0 : std::min(kMost, (uint64_t(space.available) + held) / 5);
}

}  // namespace hearth
