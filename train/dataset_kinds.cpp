#include <voluta/core/error.h>
#include <voluta/io/cifar.h>
#include <voluta/io/mnist.h>
#include <voluta/train/class_names.h>
#include <voluta/train/dataset_kinds.h>

namespace voluta {
namespace {

Normalization fashion_mnist_normalization() {
  return {{0.2860}, {0.3530}};
}

Normalization cifar10_normalization() {
  return {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
}

Normalization cifar100_normalization() {
  return {{0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}};
}

constexpr DatasetKind kKinds[] = {
    {"mnist", "MNIST", 28, 28, 1, read_mnist, has_mnist, mnist_normalization, digit_names},
    // In MNIST's form and under its names, so only --dataset tells it apart.
    {"fashion_mnist", "Fashion-MNIST", 28, 28, 1, read_mnist, has_mnist,
     fashion_mnist_normalization, fashion_mnist_names},
    {"cifar10", "CIFAR-10", 32, 32, 3, read_cifar10, has_cifar10, cifar10_normalization,
     cifar10_names},
    {"cifar100", "CIFAR-100", 32, 32, 3, read_cifar100, has_cifar100, cifar100_normalization,
     cifar100_names},
};

}  // namespace

std::span<const DatasetKind> all_dataset_kinds() {
  return kKinds;
}

const DatasetKind& find_dataset_kind(std::string_view name) {
  std::string known;
  for (const DatasetKind& kind : kKinds) {
    if (kind.name == name) return kind;
    known += known.empty() ? "" : ", ";
    known += kind.name;
  }
  invalid("data set '" + std::string(name) + "' is unknown; known are " + known);
}

const DatasetKind* recognized_dataset_kind(const std::string& folder) {
  for (const DatasetKind& kind : kKinds) {
    if (kind.is_in(folder)) return &kind;
  }
  return nullptr;
}

const DatasetKind* published_dataset_kind(const ModelEntry& model) {
  for (const DatasetKind& kind : kKinds) {
    const bool fits = kind.height == model.height && kind.width == model.width;
    if (kind.channels == model.channels && (fits || kind.channels == 1)) return &kind;
  }
  return nullptr;
}

}  // namespace voluta
