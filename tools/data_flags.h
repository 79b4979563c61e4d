#pragma once

// --data-path, --dataset, --mean and --std: which pictures, and how they become numbers.

#include <voluta/train/dataset_kinds.h>

#include "command_line.h"

namespace voluta::cli {

struct DataSource {
  const DatasetKind* kind = nullptr;  // nullptr: a folder of pictures, one sub-folder a class
  std::string folder;

  std::string name() const;  // as --dataset takes it
  LabelledImages read(Split split) const { return kind->read(folder, split); }
};

struct DataFlags {
  std::string path, dataset;
  std::vector<double> mean, deviation;

  void declare(Flags& flags);

  // Throws invalid() for an unknown data set and for numbers that cannot normalise. Reads nothing.
  void check() const;

  // The kind is --dataset's, else that of the files in --data-path, else that of the model's
  // published input; a --data-path with none of their files, but with folders train, val or test,
  // is one of pictures. The folder is --data-path, else $VOLUTA_DATA/<kind>, else
  // ../shared/data/<kind>. Throws kFailed where there are no such files.
  DataSource source(const ModelEntry& model) const;

  // --mean and --std, else those that the weights were trained with (empty where unknown), else the
  // data set's own, which for folders is ImageNet's. Throws invalid() unless there is one number a
  // channel.
  Normalization normalization(const DatasetKind* kind, int64_t channels,
                              const Normalization& of_weights) const;
};

// Throws invalid() for a --test-limit that is neither -1, for all, nor at least `least`.
void check_test_limit(int64_t limit, int64_t least);

// The first `limit` pictures; all where the limit is negative or larger.
LabelledImages first_images(LabelledImages data, int64_t limit);

}  // namespace voluta::cli
