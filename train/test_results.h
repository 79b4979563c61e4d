#pragma once

// What a model makes of each picture of a test, gathered for people to look at: who is taken for
// whom, and the mistakes that it is surest of.

#include <voluta/io/image.h>
#include <voluta/train/evaluator.h>

#include <array>
#include <map>
#include <vector>

namespace voluta {

// A test picture in the wrong class.
struct Mistake {
  int64_t index = 0;  // of the picture in the data set
  int64_t label = 0, predicted = 0;
  double label_probability = 0, predicted_probability = 0;
  double loss = 0;  // -log(label_probability)
  Image image;      // as the model sees it, cropped
};

class TestResults {
 public:
  // Keeps the `most` mistakes of the highest loss. The normalisation is that of the data set.
  TestResults(Normalization normalization, std::size_t most)
      : normalization_(std::move(normalization)), most_(most) {}

  // The batches of a test in their order; one that begins at picture 0 begins another test.
  void add(const TestBatch& batch);

  int64_t images() const { return images_; }
  // Pictures by {label, predicted class}, where there are any. The predicted class is the first of
  // the largest logit, as in kernels/classification_metrics.
  const std::map<std::array<int64_t, 2>, int64_t>& confusion() const { return confusion_; }
  const std::vector<Mistake>& worst() const { return worst_; }  // highest loss first

 private:
  void keep(Mistake mistake, const TestBatch& test, std::size_t i);

  Normalization normalization_;
  std::size_t most_;
  int64_t images_ = 0;
  std::map<std::array<int64_t, 2>, int64_t> confusion_;
  std::vector<Mistake> worst_;
};

}  // namespace voluta
