#include "base/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/checked.h"

namespace hearth {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
// Blocks up to this size get their pages at once (Touch::kNow). Larger ones (the cache of a very
// long context) grow as they are used.
constexpr uint64_t kPrefaultMax = uint64_t{512} << 20;

}  // namespace

Arena::~Arena() { release(); }

Arena::Arena(Arena&& other) noexcept : mode_(other.mode_) { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  if (this == &other) return *this;
  release();
  mode_ = other.mode_;
  rows_ = std::move(other.rows_);
  blocks_ = std::move(other.blocks_);
  other.blocks_.clear();
  return *this;
}

void Arena::release() noexcept {
  for (const Block& block : blocks_) ::munmap(block.data, block.size_bytes);
  blocks_.clear();
}

Result<std::byte*> Arena::take(std::string_view what, uint64_t size_bytes, Touch touch) {
  note(what, size_bytes);
  if (measuring() || size_bytes == 0) return nullptr;
  const uint64_t rounded = align_up(size_bytes, size_bytes >= kHugePage ? kHugePage : 4096);
  // Over-allocate to align, then give the ends back.
  const uint64_t reserve = rounded >= kHugePage ? rounded + kHugePage : rounded;
  void* memory = ::mmap(nullptr, reserve, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail(ErrorCode::kOutOfMemory,
                fmt::format("no memory for the {} ({} MiB)", what, size_bytes >> 20),
                "use a smaller context (--ctx) or a smaller model, or free some memory");
  auto* begin = static_cast<std::byte*>(memory);
  std::byte* data = begin;
  if (rounded >= kHugePage) {
    data += align_up(reinterpret_cast<uintptr_t>(begin), kHugePage) -
            reinterpret_cast<uintptr_t>(begin);
    if (data > begin) ::munmap(begin, size_t(data - begin));
    if (data + rounded < begin + reserve)
      ::munmap(data + rounded, size_t(begin + reserve - data - rounded));
#ifdef MADV_HUGEPAGE
    ::madvise(data, rounded, MADV_HUGEPAGE);
#endif
  }
  blocks_.push_back({data, rounded});
#ifdef MADV_POPULATE_WRITE
  if (touch == Touch::kNow && rounded <= kPrefaultMax)
    ::madvise(data, rounded, MADV_POPULATE_WRITE);
#endif
  return data;
}

void Arena::note(std::string_view what, uint64_t size_bytes) {
  const auto row =
      std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) { return r.what == what; });
  if (row == rows_.end())
    rows_.push_back({std::string(what), size_bytes});
  else
    row->size_bytes += size_bytes;
}

uint64_t Arena::total_bytes() const {
  uint64_t total = 0;
  for (const Row& row : rows_) total += row.size_bytes;
  return total;
}

}  // namespace hearth
