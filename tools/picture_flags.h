#pragma once

// How pictures are prepared, by torchvision's flags where it has one, and the data sets of a run.

#include <voluta/train/batch_augmentation.h>
#include <voluta/train/image_folder.h>
#include <voluta/train/weights.h>

#include <memory>
#include <optional>

#include "data_flags.h"
#include "model_flags.h"

namespace voluta::cli {

struct PictureFlags {
  std::optional<int64_t> workers, train_crop_size, val_resize_size, val_crop_size;
  std::optional<double> flip;
  std::string interpolation;
  std::vector<double> scale, ratio;
  int64_t padding = 0, max_bad_images = 0;
  std::vector<double> color_jitter;
  std::string auto_augment;
  BatchAugmentation augmentation;  // but for those two: batch_augmentation()

  // Without `training` those of evaluation alone.
  void declare(Flags& flags, bool training);
  // Of what a training step does to its batch.
  void declare_batch_augmentation(Flags& flags);

  // Throws invalid(), naming the flag, for a number outside its range.
  void check() const;

  BatchAugmentation batch_augmentation(const Normalization& normalization) const;
};

struct DataSets {
  std::unique_ptr<Dataset> train;  // empty for evaluation
  std::unique_ptr<Dataset> test;
  Preprocessing preprocessing;  // of the test pictures; stored with the weights
};

struct DataRequest {
  const DataFlags& data;
  const PictureFlags& pictures;
  const LoadedWeights& weights;  // what they say about themselves stands where no flag does
  bool training = false;
  int64_t test_limit = -1;  // the first so many test pictures; 0: not tested, but one is there
  uint64_t seed = 0;        // of augmentation
  bool quiet = false;       // no notes
  // As the command line alone has them: a recipe may have flags of other data.
  const PictureFlags& own_pictures = pictures;
};

// Reads or lists the data. With --max-bad-images above 0 all pictures of folders are decoded once:
// those that cannot be read are told on standard error and left out, and too many of them are an
// error. Where evaluation does otherwise than the weights say, by flags or by the data, standard error
// tells it.
DataSets open_data(const DataRequest& request);

// Pictures in files and folders, without labels, seen as evaluation sees them. Throws invalid() where
// --max-bad-images leaves none of them.
DataSets open_pictures(const DataRequest& request, const std::vector<std::string>& paths);

// What the outputs mean: the weights know it best.
const Preprocessing& output_names(const LoadedWeights& weights, const DataSets& data);

// "photos/cat.jpg", or "picture 7" of a set in memory.
std::string picture_name(const Dataset& data, int64_t index);

// Called when a picture could not be read: looks for all such pictures, lists them on standard error
// and throws kFailed.
[[noreturn]] void refuse_bad_pictures(const DataSets& data, const BadPicture& first);

// What `action` gives, which reads the data.
template <class Action>
auto run_on(const DataSets& data, Action&& action) {
  try {
    return action();
  } catch (const BadPicture& first) {
    refuse_bad_pictures(data, first);
  }
}

}  // namespace voluta::cli
