#include <voluta/train/progress.h>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace voluta {
namespace {

constexpr std::chrono::seconds kBetweenLines{5};
constexpr int64_t kBarWidth = 24, kLeastBarWidth = 8;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string bar(double fraction, int64_t width) {
  const auto all = static_cast<std::size_t>(width);
  const auto filled =
      static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width));
  std::string text(filled, '=');
  if (filled < all) text += '>';
  text.resize(all, ' ');
  return fmt::format("[{}]", text);
}

// As many of the fields, with two spaces or more between them, as there is room for: none is cut.
std::string whole_fields(const std::string& line, std::size_t room) {
  if (line.size() <= room) return line;
  const std::size_t end = line.rfind("  ", room);
  if (end == std::string::npos) return "";
  return line.substr(0, line.find_last_not_of(' ', end) + 1);
}

// A stream that cannot be written is no reason to end a run, as fmt::print() would.
template <class... Values>
void print(std::FILE* stream, fmt::format_string<Values...> format, Values&&... values) {
  std::fputs(fmt::format(format, std::forward<Values>(values)...).c_str(), stream);
}

std::string percent(double fraction) {
  return fmt::format("{:.2f} %", 100 * fraction);
}

}  // namespace

ProgressStyle progress_style(std::FILE* stream) {
  const bool terminal = ::isatty(::fileno(stream)) == 1 && variable("TERM") != "dumb";
  return terminal ? ProgressStyle::kTerminal : ProgressStyle::kLines;
}

std::size_t terminal_columns(std::FILE* stream) {
  winsize size{};
  const bool known =
      ::isatty(::fileno(stream)) == 1 && ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0;
  return known ? size.ws_col : 0;
}

ProgressDisplay::ProgressDisplay(std::FILE* stream, ProgressStyle style, bool every_report)
    : ProgressDisplay(stream, style, every_report, [stream] { return terminal_columns(stream); }) {}

ProgressDisplay::ProgressDisplay(std::FILE* stream, ProgressStyle style, bool every_report,
                                 Columns columns)
    : stream_(stream),
      style_(style),
      every_report_(every_report),
      columns_(std::move(columns)),
      color_(style == ProgressStyle::kTerminal && variable("NO_COLOR").empty()),
      printed_at_(Clock::now()) {}

ProgressDisplay::~ProgressDisplay() {
  if (bar_shown_) std::fputs("\n", stream_);
}

void ProgressDisplay::show(const StepReport& r) {
  if (style_ == ProgressStyle::kSilent) return;
  constexpr double kNewest = 0.3;  // weight of the latest rate
  smoothed_rate_ = smoothed_rate_ == 0
                       ? r.images_per_second
                       : smoothed_rate_ + kNewest * (r.images_per_second - smoothed_rate_);
  const std::string figures =
      fmt::format("loss {:.4f}  acc {}  {} img/s", r.sums.mean_loss(),
                  percent(r.sums.top1_fraction()), grouped(std::llround(smoothed_rate_)));
  const double left = smoothed_rate_ > 0 ? static_cast<double>(r.images_left) / smoothed_rate_ : 0;
  if (style_ == ProgressStyle::kTerminal && !every_report_) {
    draw_bar(r, figures, left);
  } else if (every_report_ || Clock::now() - printed_at_ >= kBetweenLines) {
    print(stream_, "epoch {}/{}  step {}/{}  {}  lr {:.4g}  {} left\n", r.epoch, r.epochs, r.step,
          r.steps_per_epoch, figures, r.lr, clock_text(left));
    printed_at_ = Clock::now();
  }
}

// What there is no room for goes: the step, the bar, then fields from the right.
void ProgressDisplay::draw_bar(const StepReport& r, const std::string& figures, double left) {
  const double done = static_cast<double>(r.step) / static_cast<double>(r.steps_per_epoch);
  const auto columns = static_cast<int64_t>(columns_());
  const int64_t room = columns == 0 ? INT64_MAX : columns - 1;
  const std::string head = fmt::format("epoch {}/{} ", r.epoch, r.epochs);
  const std::string share = fmt::format("{:3.0f} %  ", 100 * done);
  const std::string rest = clock_text(left) + " left", step = fmt::format("step {}  ", r.step);
  const int64_t spare =
      room - static_cast<int64_t>((head + share + figures + "  " + rest).size()) - 3;  // "[] "
  std::string line;
  if (spare < -3) {
    line = whole_fields(head + share + rest + "  " + figures, static_cast<std::size_t>(room));
  } else {
    const bool with_bar = spare >= kLeastBarWidth;
    const bool with_step = spare >= kBarWidth + static_cast<int64_t>(step.size());
    line = head + (with_bar ? dim(bar(done, std::min(spare, kBarWidth))) + " " : "") + share +
           (with_step ? step : "") + figures + "  " + dim(rest);
  }
  print(stream_, "\r\033[K{}", line);
  std::fflush(stream_);
  bar_shown_ = true;
}

void ProgressDisplay::show(const EpochReport& r) {
  if (style_ == ProgressStyle::kSilent) return;
  clear_bar();
  const std::string test = r.test.images > 0
                               ? fmt::format("  test loss {:.4f}  test acc {}", r.test.mean_loss(),
                                             percent(r.test.top1_fraction()))
                               : "";
  const std::string raw =
      r.raw_test ? fmt::format(" (raw weights {})", percent(r.raw_test->top1_fraction())) : "";
  const std::string time = r.train_seconds ? fmt::format("  {:.1f} s", *r.train_seconds) : "";
  const std::string rate =
      r.images_per_second ? fmt::format("  {} img/s", grouped(std::llround(*r.images_per_second)))
                          : "";
  print(stream_, "epoch {}/{}  loss {:.4f}  acc {}{}{}{}{}\n", r.epoch, r.epochs,
        r.train.mean_loss(), percent(r.train.top1_fraction()), test, raw, time, rate);
  std::fflush(stream_);
  printed_at_ = Clock::now();
}

void ProgressDisplay::clear_bar() {
  if (bar_shown_) std::fputs("\r\033[K", stream_);
  bar_shown_ = false;
}

std::string ProgressDisplay::dim(const std::string& text) const {
  return color_ ? fmt::format("\033[2m{}\033[0m", text) : text;
}

std::string clock_text(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  const int64_t hours = total / 3600, minutes = total / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60)
                   : fmt::format("{}:{:02}", minutes, total % 60);
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const std::ptrdiff_t first = number < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string counted(int64_t number, const std::string& noun) {
  return grouped(number) + " " + noun + (number == 1 ? "" : "s");
}

}  // namespace voluta
