#include <gtest/gtest.h>
#include <voluta/core/memory/memory_stats.h>

namespace voluta {
namespace {

TEST(FormatBytes, ReadsWell) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.00 KiB");
  EXPECT_EQ(format_bytes(3 << 19), "1.50 MiB");
  EXPECT_EQ(format_bytes((std::size_t{1} << 30) - 1), "1.00 GiB");
  EXPECT_EQ(format_bytes(std::size_t{5} << 40), "5.00 TiB");
  EXPECT_EQ(format_bytes(std::size_t{3000} << 40), "3000.00 TiB");
}

TEST(MemoryStats, FragmentationIsTheShareOutsideTheLargestPiece) {
  EXPECT_EQ(MemoryStats{}.fragmentation(), 0.0);
  EXPECT_EQ((MemoryStats{.free_bytes = 400, .largest_free_bytes = 400}.fragmentation()), 0.0);
  EXPECT_EQ((MemoryStats{.free_bytes = 400, .largest_free_bytes = 100}.fragmentation()), 0.75);
}

}  // namespace
}  // namespace voluta
