#pragma once

// The small data sets that Voluta reads into memory, by name.

#include <voluta/models/registry.h>
#include <voluta/train/dataset.h>

#include <span>
#include <string>
#include <string_view>

namespace voluta {

struct DatasetKind {
  std::string_view name;   // "cifar10": of --dataset, and of the folder below $VOLUTA_DATA
  std::string_view title;  // "CIFAR-10"
  int64_t height, width, channels;
  LabelledImages (*read)(const std::string& folder, Split split);  // throws kFailed
  bool (*is_in)(const std::string& folder);  // whether the folder holds files of this kind
  Normalization (*normalization)();          // mean and deviation of the training images
  std::vector<std::string> (*class_names)();
};

std::span<const DatasetKind> all_dataset_kinds();

// Throws invalid() for an unknown name and lists the known ones.
const DatasetKind& find_dataset_kind(std::string_view name);

// The kind whose files the folder holds; nullptr where there is none of any.
const DatasetKind* recognized_dataset_kind(const std::string& folder);

// The kind whose pictures are the model's published input: MNIST for one channel, CIFAR-10 for
// 32 x 32 x 3; nullptr for others.
const DatasetKind* published_dataset_kind(const ModelEntry& model);

}  // namespace voluta
