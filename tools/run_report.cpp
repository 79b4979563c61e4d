// The page of a training run: tools/report_page.html with the run in it.

#include "run_report.h"

#include <voluta/io/atomic_file.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "json_text.h"
#include "page.h"

namespace voluta::cli {
namespace {

using nlohmann::ordered_json;

// Points of a curve that a page a thousand pixels wide can show.
constexpr std::size_t kMostPoints = 2000;

// Why there are no times.
constexpr const char* kSimt =
    "The CUDA code ran on the CPU (SIMT): its times say nothing of a GPU.";
constexpr const char* kNotTimed =
    "Layers are timed when an epoch has ended, on pictures of a step: this process has taken none "
    "yet.";

// The lines of metrics.jsonl: steps as [step, loss, top1, lr, images_per_second], epochs whole. Of a
// long run every n-th step.
void add_curves(ordered_json& page, const std::string& log) {
  std::vector<ordered_json> steps;
  ordered_json epochs = ordered_json::array();
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    ordered_json entry = ordered_json::parse(line, nullptr, false);
    if (entry.is_discarded()) continue;  // of a disk that was full
    if (entry.value("event", "") == "epoch") {
      epochs.push_back(std::move(entry));
    } else {
      steps.push_back(
          {entry["step"], entry["loss"], entry["top1"], entry["lr"], entry["images_per_second"]});
    }
  }
  const std::size_t stride = steps.size() / kMostPoints + 1;
  ordered_json shown = ordered_json::array();
  for (std::size_t i = stride - 1; i < steps.size(); i += stride) shown.push_back(steps[i]);
  page["steps"] = std::move(shown);
  page["epochs"] = std::move(epochs);
}

void add_results(ordered_json& page, const TestResults& results) {
  ordered_json confusion = ordered_json::array(), mistakes = ordered_json::array();
  for (const auto& [pair, count] : results.confusion()) {
    confusion.push_back({pair[0], pair[1], count});
  }
  for (const Mistake& m : results.worst()) {
    mistakes.push_back({{"index", m.index},
                        {"label", m.label},
                        {"predicted", m.predicted},
                        {"label_probability", m.label_probability},
                        {"probability", m.predicted_probability},
                        {"loss", m.loss},
                        {"width", m.image.width},
                        {"image", png_data_uri(encode_png(m.image))}});
  }
  page["confusion"] = std::move(confusion);
  page["mistakes"] = std::move(mistakes);
}

}  // namespace

void RunReport::time_layers() {
  if (timed_ || !trainer_.has_stepped()) return;
  times_ = trainer_.time_steps();
  timed_ = true;
}

void RunReport::write(const TestResults& results, const std::string& state) {
  ordered_json times = ordered_json::array();
  for (const StepTime& t : times_) times.push_back({t.path, t.op, t.pass, t.engine, t.ms});

  const Device device = trainer_.session().device();
  ordered_json page{{"model", facts_.model},
                    {"state", state},
                    {"device", fmt::format("{} ({})", to_string(device), properties(device).name)},
                    {"date", fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)))},
                    {"parameters", parameter_count(trainer_.graph())},
                    {"classes", trainer_.classes()},
                    {"class_names", facts_.class_names},
                    {"train_images", facts_.train_images},
                    {"test_images", facts_.test_images},
                    {"batch_size", trainer_.batch_size()},
                    {"steps_per_epoch", trainer_.steps_per_epoch()},
                    {"settings", facts_.settings},
                    {"times", times},
                    {"times_missing", timed_ ? kSimt : kNotTimed}};
  add_curves(page, folder_.file("metrics.jsonl"));
  add_results(page, results);
  AtomicFile file(folder_.file("report.html"));
  file.write(make_page("report_page", json_text(page, -1, true)));
  file.commit();
}

}  // namespace voluta::cli
