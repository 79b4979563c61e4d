#pragma once

// What a person sees while a run goes on, on standard error: on a terminal a bar that is redrawn,
// in a pipe a plain line every few seconds, and in both one line an epoch.
//   epoch 2/6 [=========>          ]  45 % loss 0.0712 acc 97.81 % 23,410 img/s 0:02 left

#include <voluta/train/metrics.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

namespace voluta {

enum class ProgressStyle {
  kSilent,
  kLines,     // a pipe or file
  kTerminal,  // redraws its line
};

// What suits the stream: kTerminal for a terminal that can redraw (TERM is not "dumb").
ProgressStyle progress_style(std::FILE* stream);

// Of the terminal that the stream is; 0 where it is none, or does not tell.
std::size_t terminal_columns(std::FILE* stream);

class ProgressDisplay {
 public:
  // A bar is cut to fit into `columns` (0: no limit) less one: a longer one would go on in a second line that
  // is never cleared. Asked for each time, as windows change.
  using Columns = std::function<std::size_t()>;

  // Every report is printed where `every_report` is set (the user asked for --print-freq); else
  // plain lines come at most every five seconds.
  ProgressDisplay(std::FILE* stream, ProgressStyle style, bool every_report);
  ProgressDisplay(std::FILE* stream, ProgressStyle style, bool every_report, Columns columns);
  ~ProgressDisplay();  // leaves the cursor on a line of its own

  void show(const StepReport& report);
  void show(const EpochReport& report);
  // Takes the bar away, so that something else can be said.
  void clear_bar();

 private:
  using Clock = std::chrono::steady_clock;

  void draw_bar(const StepReport& report, const std::string& figures, double seconds_left);
  std::string dim(const std::string& text) const;

  std::FILE* stream_;
  ProgressStyle style_;
  bool every_report_;
  Columns columns_;
  bool color_ = false;
  bool bar_shown_ = false;
  Clock::time_point printed_at_;
  double smoothed_rate_ = 0;  // images per second
};

// "1:02:03", "2:05".
std::string clock_text(double seconds);
// "23,410".
std::string grouped(int64_t number);
// "1 step", "23,410 steps".
std::string counted(int64_t number, const std::string& noun);

}  // namespace voluta
