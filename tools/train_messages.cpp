#include "train_messages.h"

#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "json_text.h"
#include "note.h"

namespace voluta::cli {

void note_averages(const TrainOptions& options, const Trainer& trainer) {
  constexpr double kLittle = 0.01;
  const double left = trainer.first_weights_share();
  if (left <= kLittle) return;
  const bool warm = options.schedule.warmup_epochs > 0;
  const std::string mend =
      left < 1 ? fmt::format(
                     "they move every {} (--model-ema-steps), and further with a smaller "
                     "--model-ema-decay",
                     counted(options.average.steps, "update"))
               : "they move with fewer --model-ema-steps";
  note(fmt::format(
      "--model-ema: when the run ends, {:.0f} % of the averages are still the weights after the "
      "first update{}; {}\n",
      100 * left, warm ? " behind the warm-up" : "", mend));
}

void note_loss(const MetricSums& test, int64_t step) {
  if (std::isfinite(test.loss)) return;
  note(
      fmt::format("the test loss is not finite after {}, though all weights are: a test picture or "
                  "the range of --precision may be why\n",
                  counted(step, "step")));
}

void print_result(bool as_json, std::string_view model, const TrainResult& result, const Plan& plan,
                  const std::string& output_dir) {
  const MetricSums& test = result.test;
  const auto measured = [&](double value) {
    return test.images > 0 ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  if (as_json) {
    nlohmann::ordered_json document{{"model", model},
                                    {"device", to_string(plan.device())},
                                    {"steps", result.steps},
                                    {"images", static_cast<int64_t>(test.images)},
                                    {"top1", measured(test.top1_fraction())},
                                    {"top5", measured(test.top5_fraction())},
                                    {"loss", measured(test.mean_loss())},
                                    {"output_dir", output_dir}};
    if (result.raw_test) {
      document["raw_top1"] = measured(result.raw_test->top1_fraction());
      document["raw_loss"] = measured(result.raw_test->mean_loss());
    }
    fmt::print("{}\n", json_text(document, 2));
  } else if (test.images > 0) {
    fmt::print("test: {:.2f} % ({:.0f} of {:.0f}), loss {:.4f}\n", 100 * test.top1_fraction(),
               test.top1, test.images, test.mean_loss());
    if (result.raw_test) {
      fmt::print("of the weights themselves: {:.2f} %, loss {:.4f}\n",
                 100 * result.raw_test->top1_fraction(), result.raw_test->mean_loss());
    }
  }
}

}  // namespace voluta::cli
