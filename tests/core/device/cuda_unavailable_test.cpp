#include <gmock/gmock.h>
#include <voluta/core/device/cuda_unavailable.h>

namespace voluta {
namespace {

using testing::HasSubstr;

TEST(CudaUnavailable, EachCauseHasItsOwnLine) {
  const auto text = [](int error, int driver) {
    return explain_cuda_unavailable(error, "CUDA's words", driver, 13000);
  };
  EXPECT_EQ(text(35, 0), "no NVIDIA driver was found (cudaGetDeviceCount: CUDA's words, error 35)");
  EXPECT_THAT(text(35, 12040), HasSubstr("it offers CUDA 12.4, this build needs 13.0"));
  EXPECT_THAT(text(100, 13000), HasSubstr("CUDA_VISIBLE_DEVICES"));
  EXPECT_THAT(text(0, 13000), HasSubstr("no CUDA GPU is visible"));
  EXPECT_THAT(text(46, 13000), HasSubstr("busy"));
  EXPECT_THAT(text(803, 13000), HasSubstr("different versions"));
  EXPECT_THAT(text(804, 13000), HasSubstr("forward compatibility"));
  EXPECT_THAT(text(999, 13000), HasSubstr("failed to start"));
  EXPECT_THAT(text(2, 13000), HasSubstr("could not be started"));
}

TEST(CudaUnavailable, VersionsReadAsPeopleWriteThem) {
  EXPECT_EQ(cuda_version_text(13020), "13.2");
  EXPECT_EQ(cuda_version_text(11080), "11.8");
}

}  // namespace
}  // namespace voluta
