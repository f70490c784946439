// NewFile: writes a file so that its name never stands for half of it. The bytes go to a temporary
// file in the same folder; commit() makes them durable and then gives them the final name,
// replacing what was there. Without commit (an error, an early return) the temporary file is
// removed and the old file is untouched. A path that is a device or a pipe is written to as it is.
// Used by everything that writes models. Not for logs or anything that grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace hearth {

enum class FileAccess {
  kUsual,      // as the person's umask says
  kOwnerOnly,  // what nobody else should read: a history, a key
};

class NewFile {
 public:
  // `size_bytes`, if known (else 0), is reserved at once, so that a full disk shows before the work
  // is done. Errors: kInvalidArgument (`path` is a folder), kNotFound (no such folder), kIo (full,
  // read-only, ...).
  static Result<NewFile> create(const std::string& path, uint64_t size_bytes,
                                FileAccess access = FileAccess::kUsual);

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  Result<void> append(std::span<const std::byte> bytes);
  // Waits until the disk has what was appended: done now and then, it keeps commit() short. Best
  // effort.
  void sync();
  // No append may follow. After an error the temporary file is gone.
  Result<void> commit();

  [[nodiscard]] uint64_t written_bytes() const { return written_bytes_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  NewFile() = default;
  [[nodiscard]] Error system_error(const char* action, int error_number) const;

  std::string path_;
  std::string temporary_path_;  // empty: nothing to remove
  int fd_ = -1;
  uint64_t written_bytes_ = 0;
  uint64_t expected_bytes_ = 0;
};

}  // namespace hearth
