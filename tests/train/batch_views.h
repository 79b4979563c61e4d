#pragma once

#include <gtest/gtest.h>
#include <voluta/core/graph/executor.h>
#include <voluta/train/batch_loader.h>
#include <voluta/train/sampler.h>
#include <voluta/train/step.h>

#include <algorithm>
#include <vector>

namespace voluta {

// The device makes of a batch's views what load() gives of the pictures, every bit. `batch` divides
// the number of pictures.
inline void expect_views_are_what_is_loaded(const Dataset& data, int64_t batch, uint64_t epoch) {
  const Shape shape = data.image_shape();
  const StepGraph step = picture_step({.image = shape, .source = data.source(), .batch = batch});
  const Device device = default_device();
  Session session{device};
  Executor executor(Plan(step.graph, {step.pictures}, {.device = device}), session);
  const auto count = static_cast<uint32_t>(data.count());
  const std::vector<uint32_t> order = shuffled(count, 7, epoch);
  BatchLoader loader(data, batch, static_cast<int64_t>(epoch) + 1, [&](uint64_t) { return order; },
                     {static_cast<int64_t>(epoch), 0});
  std::vector<float> expected(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < count;) {
    feed_pictures(executor, step, loader.next());
    executor.run();
    const Tensor pictures = executor.read(step.pictures);
    for (std::size_t at = 0; at < static_cast<std::size_t>(batch); ++at, ++i) {
      data.load(order[i], epoch, expected.data());
      const auto seen = pictures.data<float>().subspan(at * expected.size(), expected.size());
      EXPECT_TRUE(std::ranges::equal(seen, expected)) << "picture " << order[i];
    }
  }
}

}  // namespace voluta
