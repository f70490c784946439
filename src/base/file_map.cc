#include "base/file_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace hearth {
namespace {

// Closes the descriptor at the end of the scope.
struct Descriptor {
  int fd;
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<void> read_all(int fd, std::byte* out, size_t size, const std::string& path) {
  size_t done = 0;
  while (done < size) {
    // 1 GiB pieces: Linux transfers at most 2^31 - 4096 bytes a call.
    const ssize_t n = ::pread(fd, out + done, std::min(size - done, size_t{1} << 30), off_t(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(ErrorCode::kIo, fmt::format("reading '{}' failed at byte {}: {}", path, done,
                                              std::strerror(errno)));
    if (n == 0)
      return fail(
          ErrorCode::kIo,
          fmt::format("'{}' became shorter while it was read (at byte {} of {})", path, done, size),
          "wait until the download or copy has finished");
    done += size_t(n);
  }
  return {};
}

}  // namespace

Result<FileMap> FileMap::open(const std::string& path, MapMode mode) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return fail(ErrorCode::kNotFound, fmt::format("there is no file '{}'", path),
                  "check the path and the spelling");
    return fail(ErrorCode::kIo, fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
  }
  struct stat info{};
  if (::fstat(file.fd, &info) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot examine '{}': {}", path, std::strerror(errno)));
  if (S_ISDIR(info.st_mode))
    return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' is a directory, not a file", path),
                "name one .gguf file inside it");
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::kInvalidArgument, fmt::format("'{}' is not a regular file", path),
                "copy it to a regular file first");

  FileMap map;
  map.path_ = path;
  map.size_ = size_t(info.st_size);
  map.modified_ns_ = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  if (map.size_ == 0) return map;

  if (mode == MapMode::kMap) {
    void* mapped = ::mmap(nullptr, map.size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (mapped != MAP_FAILED) {
      map.data_ = static_cast<const std::byte*>(mapped);
      map.mapped_ = true;
      return map;
    }
    // Some file systems cannot map; read instead.
  }
  auto* buffer =
      static_cast<std::byte*>(::operator new(map.size_, std::align_val_t{64}, std::nothrow));
  if (buffer == nullptr)
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("no memory to read '{}' ({} bytes)", path, map.size_),
                "let the file be mapped instead of read, or free some memory");
  map.data_ = buffer;
  HEARTH_TRY(read_all(file.fd, buffer, map.size_, path));
  return map;
}

FileMap::FileMap(FileMap&& other) noexcept { *this = std::move(other); }

FileMap& FileMap::operator=(FileMap&& other) noexcept {
  if (this == &other) return *this;
  reset();
  path_ = std::move(other.path_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  modified_ns_ = other.modified_ns_;
  mapped_ = std::exchange(other.mapped_, false);
  return *this;
}

FileMap::~FileMap() { reset(); }

void FileMap::reset() noexcept {
  if (data_ == nullptr) return;
  if (mapped_)
    ::munmap(const_cast<std::byte*>(data_), size_);
  else
    ::operator delete(const_cast<std::byte*>(data_), std::align_val_t{64});
  data_ = nullptr;
}

namespace {

void advise(std::span<const std::byte> bytes, uint64_t offset, uint64_t size_bytes, int advice) {
  if (offset >= bytes.size()) return;
  const uint64_t end =
      std::min<uint64_t>(bytes.size(), offset + std::min<uint64_t>(size_bytes, bytes.size()));
  const auto page = uint64_t(::sysconf(_SC_PAGESIZE));
  const uint64_t begin = offset / page * page;
  ::madvise(const_cast<std::byte*>(bytes.data()) + begin, end - begin, advice);
}

}  // namespace

void FileMap::will_need(uint64_t offset, uint64_t size_bytes) const {
  if (mapped_) advise(bytes(), offset, size_bytes, MADV_WILLNEED);
}

void FileMap::populate(uint64_t offset, uint64_t size_bytes) const {
#ifdef MADV_POPULATE_READ
  if (mapped_) advise(bytes(), offset, size_bytes, MADV_POPULATE_READ);
#else
  will_need(offset, size_bytes);
#endif
}

void FileMap::dont_need(uint64_t offset, uint64_t size_bytes) const {
  if (mapped_) advise(bytes(), offset, size_bytes, MADV_DONTNEED);
}

}  // namespace hearth
