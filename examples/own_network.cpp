// A network of one's own, trained on drawn digits: own_network [epochs]
//
// A model is a function that appends layers to a graph. Paths ("conv1") name the parameters, in the
// weights file as here.
#include <voluta/voluta.h>

#include <cstdio>
#include <cstdlib>

namespace {

using namespace voluta;

// 28 x 28 -> 14 x 14 -> 7 x 7 -> classes
ModelOutput small_network(Scope scope, Value image, const ModelOptions& options) {
  Value x = image;
  x = conv2d(scope["conv1"], x, {.channels = 8, .kernel = 3, .padding = 1});
  x = max_pool2d(scope["pool1"], relu(scope["relu1"], x), {});
  x = conv2d(scope["conv2"], x, {.channels = 16, .kernel = 3, .padding = 1});
  x = max_pool2d(scope["pool2"], relu(scope["relu2"], x), {});
  return linear(scope["fc"], flatten(scope["flatten"], x),
                {.features = options.classes ? options.classes : 10});
}

const ModelEntry kSmallNetwork = {"small_network", "this file", 28, 28, 1, 10, small_network};

int run(int64_t epochs) {
  const Normalization scale{{0.5}, {0.5}};
  const InMemoryDataset train(draw_digits(4000, /*seed=*/1, Split::kTrain), scale);
  const InMemoryDataset test(draw_digits(1000, /*seed=*/1, Split::kTest), scale);

  TrainOptions options;
  options.plan.device = default_device();
  options.epochs = epochs;
  options.schedule.lr = 0.05;
  Trainer trainer(kSmallNetwork, train, test, options);
  std::printf("training on %s\n", properties(options.plan.device).name.c_str());

  TrainEvents events;
  events.on_epoch = [](const EpochReport& report) {
    std::printf("epoch %d: test accuracy %.2f %%\n", static_cast<int>(report.epoch),
                100 * report.test.top1_fraction());
  };
  trainer.run(events);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::atoll(argv[1]) : 3);
  } catch (const Error& error) {
    std::fprintf(stderr, "own_network: %s\n", error.what());
    return exit_code(error.kind());
  }
}
