#include <voluta/train/histogram.h>

#include <algorithm>
#include <cmath>

namespace voluta {
namespace {

void find_range(std::span<const float> values, Histogram& h) {
  for (const float value : values) {
    if (!std::isfinite(value)) {
      ++h.not_finite;
      continue;
    }
    h.least = h.count > 0 ? std::min<double>(h.least, value) : value;
    h.most = h.count > 0 ? std::max<double>(h.most, value) : value;
    h.count += 1;
    h.sum += value;
    h.sum_of_squares += static_cast<double>(value) * value;
  }
}

}  // namespace

Histogram histogram(const Tensor& tensor, int bins) {
  const std::span<const float> values = tensor.data<float>();
  Histogram h;
  find_range(values, h);
  if (h.count == 0) return h;
  const int used = h.most > h.least ? bins : 1;
  const double width = (h.most - h.least) / used;
  for (int i = 1; i < used; ++i) h.edges.push_back(h.least + width * i);
  h.edges.push_back(h.most);
  h.counts.resize(static_cast<std::size_t>(used));
  if (used == 1) {
    h.counts[0] = h.count;
    return h;
  }
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const auto bin = static_cast<std::size_t>((value - h.least) / width);
    ++h.counts[std::min(bin, h.counts.size() - 1)];
  }
  return h;
}

}  // namespace voluta
