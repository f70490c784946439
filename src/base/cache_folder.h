// CacheFolder: a folder of large files that can be made again, of one person, bounded in size: the
// least recently used go first. One program at a time writes (a lock that ends with the process,
// even if it is killed); any number read, and a file that they have open or mapped stays whole for
// them when it is removed. Used by engine/packed_cache. Knows nothing of what the files hold.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace hearth {

class CacheFolder {
 public:
  // Makes the folder and what lacks above it, for the owner alone (0700). Errors: kIo (read-only,
  // ...), kInvalidArgument (it belongs to someone else, or others may write to it: what it holds
  // cannot be trusted).
  static Result<CacheFolder> open(const std::string& path);
  // The same without making it; kNotFound where there is none.
  static Result<CacheFolder> find(const std::string& path);

  CacheFolder(CacheFolder&& other) noexcept;
  CacheFolder& operator=(CacheFolder&&) = delete;
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;
  ~CacheFolder();  // gives the lock back

  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  // Becomes the one writer. Error kIo: another program is writing, or the file system has no locks.
  Result<void> lock();

  // Makes room for a file of `size_bytes`, under the name `name`: removes what killed writers left,
  // then the least recently used files until all together take no more than `limit_bytes`.
  // REQUIRES: lock(). Error kIo where there cannot be room; then no whole file was removed.
  Result<void> make_room(const std::string& name, uint64_t size_bytes, uint64_t limit_bytes) const;

  // Says that the file was used now.
  void touch(const std::string& name) const;

  // A limit that leaves others their room: a fifth of what the disk has free (with what the cache
  // takes now), and never more than 50 GB.
  [[nodiscard]] uint64_t default_limit() const;

 private:
  explicit CacheFolder(std::string path) : path_(std::move(path)) {}
  Result<void> check_owner() const;

  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace hearth
