// FileMap: the bytes of one file, read-only, for as long as the object lives. Either mapped (pages
// come from the page cache when touched) or read into memory. The only place that knows how the
// operating system maps files. Does not interpret the bytes; `format` does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace hearth {

enum class MapMode {
  kMap,   // mmap where the system has it, else as kRead
  kRead,  // one read into anonymous memory: for file systems where mapping is slow or the file may
          // change
};

class FileMap {
 public:
  // Errors: kNotFound, kInvalidArgument (a directory, not a regular file), kIo, kOutOfMemory.
  static Result<FileMap> open(const std::string& path, MapMode mode);

  FileMap(FileMap&& other) noexcept;
  FileMap& operator=(FileMap&& other) noexcept;
  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_mapped() const { return mapped_; }
  // When the file was last written, in ns since 1970, as it was when opened.
  [[nodiscard]] int64_t modified_ns() const { return modified_ns_; }

  // Hints; they never fail. Offsets are clipped to the file.
  void will_need(uint64_t offset, uint64_t size_bytes) const;  // start reading these pages now
  void populate(uint64_t offset,
                uint64_t size_bytes) const;  // read and map these pages before returning
  void dont_need(uint64_t offset, uint64_t size_bytes) const;  // these pages may be dropped

 private:
  FileMap() = default;
  void reset() noexcept;

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int64_t modified_ns_ = 0;
  bool mapped_ = false;
};

}  // namespace hearth
