#include <voluta/core/device/watchdog.h>
#include <voluta/core/error.h>

#include <gtest/gtest.h>

#include <chrono>

namespace voluta {
namespace {

TEST(WatchdogTest, IsOffWithoutItsVariable) {
  EXPECT_FALSE(Watchdog(nullptr).is_on());
  EXPECT_FALSE(Watchdog("").is_on());
  EXPECT_TRUE(Watchdog("0.5").is_on());
}

TEST(WatchdogTest, RefusesWhatIsNoTime) {
  for (const char* bad : {"0", "-3", "ten", "10s", "nan", "inf", " "}) {
    try {
      Watchdog watchdog(bad);
      FAIL() << "took '" << bad << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("VOLUTA_WATCHDOG='" + std::string(bad) + "'"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(WatchdogTest, WaitsUntilTheWorkIsDone) {
  const auto begin = std::chrono::steady_clock::now();
  const auto is_over = [&] {
    return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(30);
  };
  Watchdog("60").await(is_over, [] { return "never"; });
  EXPECT_TRUE(is_over());
}

TEST(WatchdogTest, PassesOnWhatTheDeviceSays) {
  EXPECT_THROW(Watchdog("60").await([]() -> bool { fail(ErrorKind::kFailed, "a fault"); },
                                    [] { return "never"; }),
               Error);
}

TEST(WatchdogDeathTest, EndsTheProcessAndSaysWhatHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(Watchdog("0.05").await([] { return false; }, [] { return "kernel 'stuck'"; }),
              testing::ExitedWithCode(kWatchdogExitCode),
              "did not finish in 0.05 s; kernel 'stuck'");
}

}  // namespace
}  // namespace voluta
