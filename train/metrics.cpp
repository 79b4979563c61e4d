#include <voluta/train/metrics.h>

namespace voluta {

MetricSums MetricSums::from(const Tensor& state) {
  const std::span<const double> sums = state.data<double>();
  return {sums[0], sums[1], sums[2], sums[3]};
}

MetricSums MetricSums::operator-(const MetricSums& before) const {
  return {loss - before.loss, top1 - before.top1, top5 - before.top5, images - before.images};
}

}  // namespace voluta
