// voluta data make digits: a data set in MNIST's form for where there is no MNIST.

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/mnist.h>
#include <voluta/train/digits.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <memory>

#include "command_line.h"
#include "output_folder.h"

namespace voluta::cli {
namespace {

struct DigitsArguments {
  std::string output_dir;
  uint64_t seed = 0;
  int64_t train = 10000, test = 2000;
  bool overwrite = false;
};

int run(const DigitsArguments& a) {
  if (a.train < 1 || a.test < 1) invalid("--train and --test must be at least 1");
  const OutputFolder folder(a.output_dir);
  if (const std::string held = find_mnist_file(a.output_dir); !held.empty() && !a.overwrite) {
    fail_at(held, "is there; --overwrite replaces it, or take another --output-dir");
  }
  const LabelledImages train = draw_digits(a.train, a.seed, Split::kTrain);
  const LabelledImages test = draw_digits(a.test, a.seed, Split::kTest);
  write_mnist(a.output_dir, Split::kTrain, train);
  write_mnist(a.output_dir, Split::kTest, test);
  fmt::print("{}: {} training and {} test digits of 28 x 28, seed {}\n", a.output_dir,
             grouped(a.train), grouped(a.test), a.seed);
  return 0;
}

}  // namespace

Command data_make_digits_command() {
  auto a = std::make_shared<DigitsArguments>();
  return {.name = "data make digits",
          .description = "Draw handwritten digits in the form of MNIST's four IDX files",
          .examples =
              "  voluta data make digits --output-dir data/digits\n"
              "  voluta data make digits --output-dir d --seed 7 --train 60000 --test 10000",
          .declare =
              [a](Flags& flags) {
                flags.add_required("--output-dir", a->output_dir, "Folder for the four files");
                flags.add("--seed", a->seed, "Equal seeds draw equal digits");
                flags.add("--train", a->train, "Pictures to train on");
                flags.add("--test", a->test, "Pictures to test on");
                flags.add_switch("--overwrite", a->overwrite,
                                 "Replace the digits that --output-dir holds");
              },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
