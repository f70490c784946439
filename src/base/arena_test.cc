#include "base/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

// Stands for any set-up code: the same calls in both modes.
Result<std::byte*> set_up(Arena& arena) {
  HEARTH_TRY(arena.take("small", 100));
  arena.note("mapped file", 1 << 20);
  HEARTH_TRY(arena.take("none", 0));
  return arena.take("large", 5 << 20);
}

TEST(Arena, TheMeasureIsWhatTheRealRunTakes) {
  Arena plan(Arena::Mode::kMeasure);
  Arena real(Arena::Mode::kReal);
  const Result<std::byte*> planned = set_up(plan);
  const Result<std::byte*> taken = set_up(real);
  ASSERT_TRUE(planned.has_value() && taken.has_value());
  EXPECT_TRUE(plan.measuring());
  EXPECT_EQ(*planned, nullptr);
  ASSERT_NE(*taken, nullptr);
  EXPECT_EQ(plan.total_bytes(), real.total_bytes());
  EXPECT_GE(real.total_bytes(), uint64_t{100 + (1 << 20) + (5 << 20)});
  ASSERT_EQ(plan.rows().size(), real.rows().size());
  for (size_t i = 0; i < plan.rows().size(); ++i) {
    EXPECT_EQ(plan.rows()[i].what, real.rows()[i].what);
    EXPECT_EQ(plan.rows()[i].size_bytes, real.rows()[i].size_bytes);
  }
}

TEST(Arena, MemoryIsZeroedAlignedAndOutlivesAMove) {
  Arena arena(Arena::Mode::kReal);
  constexpr size_t kSize = 3 << 20;
  const Result<std::byte*> memory = arena.take("buffer", kSize);
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*memory) % 4096, 0u);
  EXPECT_TRUE(std::all_of(*memory, *memory + kSize, [](std::byte b) { return b == std::byte{0}; }));
  (*memory)[kSize - 1] = std::byte{7};
  Arena moved = std::move(arena);
  EXPECT_EQ((*memory)[kSize - 1], std::byte{7});
  EXPECT_EQ(moved.rows().size(), 1u);
}

TEST(Arena, MoreThanThereIsIsAnError) {
  Arena arena(Arena::Mode::kReal);
  const Result<std::byte*> memory = arena.take("absurd", uint64_t{1} << 60);
  ASSERT_FALSE(memory.has_value());
  EXPECT_EQ(memory.error().code, ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace hearth
