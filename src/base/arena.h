// Arena: where large buffers come from, and what they cost. In measure mode it only adds up; in
// real mode it also allocates. The memory plan is one run of the program's own set-up code over a
// measuring arena, so the plan cannot differ from what is allocated. Owned by whoever sets up a
// model; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

class Arena {
 public:
  enum class Mode { kMeasure, kReal };

  struct Row {
    std::string what;  // "KV cache", ...
    uint64_t size_bytes = 0;
  };

  explicit Arena(Mode mode) : mode_(mode) {}
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Zeroed memory aligned to a page, or to 2 MiB and backed by huge pages where that pays; null in
  // measure mode, and for 0 bytes. Errors: kOutOfMemory.
  // Touch::kNow: blocks that are not very large get their pages at once, so that the first token
  // does not pay for page faults; kLater: whoever fills the block does.
  enum class Touch { kNow, kLater };
  Result<std::byte*> take(std::string_view what, uint64_t size_bytes, Touch touch = Touch::kNow);
  // Memory that lives elsewhere (a mapped file, a tokenizer) but belongs into the plan.
  void note(std::string_view what, uint64_t size_bytes);

  [[nodiscard]] bool measuring() const { return mode_ == Mode::kMeasure; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] uint64_t total_bytes() const;

 private:
  struct Block {
    std::byte* data;
    uint64_t size_bytes;
  };
  void release() noexcept;

  Mode mode_;
  std::vector<Row> rows_;
  std::vector<Block> blocks_;
};

}  // namespace hearth
