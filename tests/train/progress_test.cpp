#include <gtest/gtest.h>
#include <voluta/train/progress.h>

#include <cstdlib>
#include <string>

namespace voluta {
namespace {

std::string shown(ProgressStyle style, bool every_report, std::size_t columns = 0) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  {
    ProgressDisplay display(stream, style, every_report, [=] { return columns; });
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

TEST(Progress, LeavesOutWhatWasNotMeasured) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = ::open_memstream(&text, &size);
  ProgressDisplay(stream, ProgressStyle::kLines, false)
      .show(EpochReport{.epoch = 2, .epochs = 6, .total_step = 9, .train = {5, 9, 9, 10}});
  std::fclose(stream);
  EXPECT_EQ(std::string(text, size), "epoch 2/6  loss 0.5000  acc 90.00 %\n");
  std::free(text);
}

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

// A bar as wide as the terminal would wrap, and each redrawing leave a line behind.
TEST(Progress, ABarFitsIntoTheTerminal) {
  ::setenv("NO_COLOR", "1", 1);
  std::size_t before = 0;
  for (std::size_t columns = 1; columns <= 120; ++columns) {
    const std::string text = shown(ProgressStyle::kTerminal, false, columns);
    const std::string bar = text.substr(4, text.find('\r', 1) - 4);
    EXPECT_LT(bar.size(), columns) << bar;
    const std::string fields = "epoch 2/6  50 %  0:14 left  loss 0.1000  acc 96.88 %  20,000 img/s";
    if (bar.size() < fields.size() && fields.starts_with(bar)) {
      EXPECT_TRUE(bar.empty() || fields.substr(bar.size(), 2) == "  ") << "cut: " << bar;
    }
    EXPECT_GE(bar.size(), before) << bar;
    if (bar.find('[') == bar.npos) before = std::min<std::size_t>(bar.size(), 66);
  }
  const auto fits = [](std::size_t columns, const std::string& bar) {
    const std::string text = shown(ProgressStyle::kTerminal, false, columns);
    EXPECT_NE(text.find("\r\033[K" + bar), std::string::npos) << text;
  };
  fits(15, "epoch 2/6\r");
  fits(36, "epoch 2/6  50 %  0:14 left\r");
  fits(40, "epoch 2/6  50 %  0:14 left  loss 0.1000\r");
  fits(72, "epoch 2/6  50 %  loss 0.1000  acc 96.88 %  20,000 img/s  0:14 left\r");
  fits(80, "epoch 2/6 [=====>    ]  50 %  loss 0.1000  acc 96.88 %  20,000 img/s  0:14 left\r");
  fits(99, "epoch 2/6 [============>           ]  50 %  loss 0.1000  acc 96.88 %  20,000 img/s");
  ::unsetenv("NO_COLOR");
}

TEST(Progress, TheBarGoesForWhatElseIsSaid) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  {
    ProgressDisplay display(stream, ProgressStyle::kTerminal, false);
    display.show(StepReport{.epoch = 1, .epochs = 1, .step = 1, .steps_per_epoch = 2});
    display.clear_bar();
    std::fputs("interrupted", stream);
  }
  std::fclose(stream);
  EXPECT_TRUE(std::string(text).ends_with("left\033[0m\r\033[Kinterrupted")) << text;
  std::free(text);
}

TEST(Progress, WritesNumbersForPeople) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(125.4), "2:05");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(grouped(7), "7");
  EXPECT_EQ(grouped(61706), "61,706");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(counted(0, "step"), "0 steps");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(61706, "picture"), "61,706 pictures");
}

}  // namespace
}  // namespace voluta
