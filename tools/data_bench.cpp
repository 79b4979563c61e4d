// voluta data bench: how fast pictures become batches, without a model.

#include <voluta/core/error.h>
#include <voluta/core/graph/executor.h>
#include <voluta/train/progress.h>
#include <voluta/train/sampler.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "command_line.h"
#include "json_text.h"
#include "picture_flags.h"

namespace voluta::cli {
namespace {

struct BenchArguments {
  DataFlags data;
  PictureFlags pictures;
  int64_t batch_size = 64, epochs = 3;
  uint64_t seed = 0;
  bool json = false;
};

// Seconds that all threads of the process spent on a core.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double wall_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Each as the first op of a training step makes it on the CPU.
void make_batches(const BenchArguments& a, const Dataset& data) {
  const auto count = static_cast<uint32_t>(data.count());
  const int64_t batch_size = std::min(a.batch_size, data.count());
  Session session{Device{}};
  std::map<int64_t, std::pair<StepGraph, std::unique_ptr<Executor>>> made;  // by batch size
  for (const int64_t batch : {batch_size, data.count() % batch_size}) {
    if (batch == 0) continue;
    StepGraph step =
        picture_step({.image = data.image_shape(), .source = data.source(), .batch = batch});
    auto executor = std::make_unique<Executor>(Plan(step.graph, {step.pictures}, {}), session);
    made.try_emplace(batch, std::move(step), std::move(executor));
  }
  BatchLoader loader(data, batch_size, a.epochs,
                     [&](uint64_t epoch) { return shuffled(count, a.seed, epoch); });
  for (int64_t left = a.epochs * count; left > 0;) {
    const Batch& batch = loader.next();
    auto& [step, executor] = made.at(batch.count());
    feed_pictures(*executor, step, batch);
    executor->run();
    left -= batch.count();
  }
}

int run(const BenchArguments& a) {
  if (a.batch_size < 1 || a.epochs < 1) invalid("--batch-size and --epochs must be at least 1");
  a.data.check();
  a.pictures.check();
  const LoadedWeights none{.model = &find_model("resnet50")};  // 224 x 224
  const DataSets data = open_data({.data = a.data,
                                   .pictures = a.pictures,
                                   .weights = none,
                                   .training = true,
                                   .test_limit = 0,
                                   .seed = a.seed});
  const auto count = static_cast<uint32_t>(data.train->count());
  const double wall_start = wall_seconds(), cpu_start = cpu_seconds();
  run_on(data, [&] { make_batches(a, *data.train); });
  const double images = static_cast<double>(a.epochs) * count;
  const double by_wall = images / (wall_seconds() - wall_start);
  const double by_core = images / (cpu_seconds() - cpu_start);
  if (a.json) {
    const nlohmann::ordered_json document{{"images", static_cast<int64_t>(images)},
                                          {"workers", data.train->workers()},
                                          {"images_per_second", by_wall},
                                          {"images_per_core_second", by_core}};
    fmt::print("{}\n", json_text(document));
  } else {
    fmt::print("{:.0f} images, {}: {:.0f} img/s, {:.0f} img/s a core\n", images,
               counted(data.train->workers(), "worker"), by_wall, by_core);
  }
  return 0;
}

}  // namespace

Command data_bench_command() {
  auto a = std::make_shared<BenchArguments>();
  return {.name = "data bench",
          .description = "How fast training pictures become batches",
          .examples =
              "  voluta data bench --data-path pictures --workers 1\n"
              "  voluta data bench --data-path pictures --train-crop-size 96 --json",
          .declare =
              [a](Flags& flags) {
                a->data.declare(flags);
                a->pictures.declare(flags, true);
                flags.add("-b,--batch-size", a->batch_size, "Images in a batch");
                flags.add("--epochs", a->epochs, "Passes over the training images");
                flags.add("--seed", a->seed, "Of order and augmentation");
                flags.add_switch("--json", a->json, "One JSON document on standard output");
              },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
