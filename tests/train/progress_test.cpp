#include <gtest/gtest.h>
#include <voluta/train/progress.h>

#include <cstdlib>
#include <string>

namespace voluta {
namespace {

std::string shown(ProgressStyle style, bool every_report) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  {
    ProgressDisplay display(stream, style, every_report);
    display.show(StepReport{.epoch = 2,
                            .epochs = 6,
                            .step = 469,
                            .steps_per_epoch = 938,
                            .total_step = 1407,
                            .images_left = 270000,
                            .sums = {6.4, 62, 64, 64},
                            .lr = 0.05,
                            .images_per_second = 20000});
    display.show(EpochReport{.epoch = 2,
                             .epochs = 6,
                             .total_step = 1876,
                             .train = {6000, 58800, 60000, 60000},
                             .test = {400, 9850, 10000, 10000},
                             .lr = 0.05,
                             .train_seconds = 3.0,
                             .images_per_second = 20000});
  }
  std::fclose(stream);
  const std::string result(text, size);
  std::free(text);
  return result;
}

const std::string kEpochLine =
    "epoch 2/6  loss 0.1000  acc 98.00 %  test loss 0.0400  test acc 98.50 %  3.0 s  20,000 "
    "img/s\n";

TEST(Progress, IsQuietInAPipeUntilTheEpochEnds) {
  EXPECT_EQ(shown(ProgressStyle::kLines, false), kEpochLine);
  EXPECT_EQ(shown(ProgressStyle::kSilent, false), "");
}

TEST(Progress, PrintsEveryReportThatWasAskedFor) {
  const std::string text = shown(ProgressStyle::kLines, true);
  EXPECT_EQ(text,
            "epoch 2/6  step 469/938  loss 0.1000  acc 96.88 %  20,000 img/s  lr 0.05  0:14 "
            "left\n" +
                kEpochLine);
}

TEST(Progress, DrawsABarOnATerminal) {
  ::setenv("NO_COLOR", "1", 1);
  const std::string text = shown(ProgressStyle::kTerminal, false);
  EXPECT_NE(text.find("\r\033[Kepoch 2/6 [============>           ]  50 %  step 469"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("0:14 left"), std::string::npos) << text;
  EXPECT_EQ(text.find("\033[2m"), std::string::npos) << "NO_COLOR is set";
  EXPECT_TRUE(text.ends_with("\r\033[K" + kEpochLine)) << text;
  ::unsetenv("NO_COLOR");
  EXPECT_NE(shown(ProgressStyle::kTerminal, false).find("\033[2m"), std::string::npos);
}

TEST(Progress, WritesNumbersForPeople) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(125.4), "2:05");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(grouped(7), "7");
  EXPECT_EQ(grouped(61706), "61,706");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
}

}  // namespace
}  // namespace voluta
