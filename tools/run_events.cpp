#include "run_events.h"

#include <voluta/train/picture_grid.h>

#include <algorithm>

namespace voluta::cli {
namespace {

constexpr int kBins = 30;         // as many as TensorBoard draws
constexpr int64_t kFilters = 64;  // shown of the first convolution
constexpr std::size_t kMistakes = 8;

// "layer1.0.conv1.weight" as "layer1/0/conv1/weight", which groups the parameters of a layer.
std::string tag_of(std::string name) {
  std::ranges::replace(name, '.', '/');
  return name;
}

}  // namespace

void RunEvents::record(const StepReport& r) {
  std::vector<EventLog::Scalar> scalars{{"loss/train", r.sums.mean_loss()},
                                        {"accuracy/train", r.sums.top1_fraction()},
                                        {"run/lr", r.lr},
                                        {"run/images_per_second", r.images_per_second}};
  if (r.loss_scale) scalars.push_back({"run/loss_scale", *r.loss_scale});
  log().add_scalars(r.total_step, scalars);
}

void RunEvents::record(const EpochReport& r, const TestResults& results) {
  std::vector<EventLog::Scalar> scalars{{"loss/train_epoch", r.train.mean_loss()},
                                        {"accuracy/train_epoch", r.train.top1_fraction()},
                                        {"run/epoch", static_cast<double>(r.epoch)}};
  if (r.test.images > 0) {
    scalars.push_back({"loss/test", r.test.mean_loss()});
    scalars.push_back({"accuracy/test", r.test.top1_fraction()});
    scalars.push_back({"accuracy/test_top5", r.test.top5_fraction()});
  }
  if (r.raw_test) {
    scalars.push_back({"loss/test_raw", r.raw_test->mean_loss()});
    scalars.push_back({"accuracy/test_raw", r.raw_test->top1_fraction()});
  }
  log().add_scalars(r.total_step, scalars);
  const ValueInfo* first_filters = nullptr;
  for (const ValueInfo& info : trainer_.graph().values()) {
    if (info.kind != ValueKind::kState || info.role != StateRole::kParameter) continue;
    const Tensor values = trainer_.session().read_state(info.name);
    if (first_filters == nullptr && info.type.shape.rank() == 4) first_filters = &info;
    log().add_histogram(r.total_step, tag_of(info.name), histogram(values, kBins));
  }
  if (first_filters != nullptr) {
    log().add_image(r.total_step, tag_of(first_filters->name),
                    filter_grid(trainer_.session().read_state(first_filters->name), kFilters));
  }
  for (std::size_t i = 0; i < std::min(kMistakes, results.worst().size()); ++i) {
    log().add_image(r.total_step, "mistakes/" + std::to_string(i + 1), results.worst()[i].image);
  }
}

EventLog& RunEvents::log() {
  if (!log_) {
    log_.emplace(folder_.file(""), done_ + 1);
    if (done_ == 0) log_->add_graph(trainer_.graph());
  }
  return *log_;
}

}  // namespace voluta::cli
