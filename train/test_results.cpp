#include <voluta/train/picture_grid.h>
#include <voluta/train/test_results.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace voluta {
namespace {

// The first of the largest; NaN counts as larger than every number.
int64_t largest(std::span<const float> logits) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < logits.size() && !std::isnan(logits[found]); ++i) {
    if (std::isnan(logits[i]) || logits[i] > logits[found]) found = i;
  }
  return static_cast<int64_t>(found);
}

Mistake look(std::span<const float> logits, int64_t label) {
  Mistake m{.label = label, .predicted = largest(logits)};
  const double most = logits[static_cast<std::size_t>(m.predicted)];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  m.predicted_probability = 1 / sum;
  m.loss = std::log(sum) + most - logits[static_cast<std::size_t>(label)];
  m.label_probability = std::exp(-m.loss);
  return m;
}

// NaN is the worst of all.
bool worse(const Mistake& a, const Mistake& b) {
  constexpr double kMost = std::numeric_limits<double>::infinity();
  return (std::isnan(a.loss) ? kMost : a.loss) > (std::isnan(b.loss) ? kMost : b.loss);
}

}  // namespace

void TestResults::add(const TestBatch& test) {
  if (test.first == 0) {
    images_ = 0;
    confusion_.clear();
    worst_.clear();
  }
  const auto classes = static_cast<std::size_t>(test.logits.shape()[1]);
  const std::span<const float> logits = test.logits.data<float>();
  const std::span<const int64_t> labels = test.batch.labels.data<int64_t>();
  for (std::size_t i = 0; i < labels.size(); ++i, ++images_) {
    Mistake seen = look(logits.subspan(i * classes, classes), labels[i]);
    seen.index = test.first + static_cast<int64_t>(i);
    ++confusion_[{seen.label, seen.predicted}];
    if (seen.predicted == seen.label) continue;
    keep(std::move(seen), test, i);
  }
}

// Of equal losses the earlier picture stands first.
void TestResults::keep(Mistake mistake, const TestBatch& test, std::size_t i) {
  const auto place = std::ranges::upper_bound(worst_, mistake, worse);
  if (static_cast<std::size_t>(place - worst_.begin()) >= most_) return;
  mistake.image = picture_of(test.picture(i).data(), test.data.image_shape(), normalization_);
  worst_.insert(place, std::move(mistake));
  if (worst_.size() > most_) worst_.pop_back();
}

}  // namespace voluta
