#include "picture_views.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "note.h"

namespace voluta::cli {

int64_t training_crop(const DataRequest& request) {
  const auto& known = request.weights.description;
  return request.pictures.train_crop_size.value_or(known ? known->preprocessing.image[0]
                                                         : request.weights.model->height);
}

EvaluationView evaluation_view(const DataRequest& request) {
  const PictureFlags& flags = request.pictures;
  const auto& description = request.weights.description;
  const Preprocessing* known = description ? &description->preprocessing : nullptr;
  if (known && known->image[0] != known->image[1]) {
    invalid("pictures in files become squares; the weights are for " + to_string(known->image));
  }
  EvaluationView view;
  view.crop = flags.val_crop_size.value_or(known && !request.training ? known->image[0]
                                                                      : training_crop(request));
  // 256 for 224, 342 for 299, as published.
  view.resize = flags.val_resize_size.value_or(
      known && view.crop == known->image[0] ? known->resize
                                            : std::llround(static_cast<double>(view.crop) * 8 / 7));
  if (!flags.interpolation.empty()) {
    view.interpolation = parse_interpolation(flags.interpolation);
  } else if (known) {
    view.interpolation = known->interpolation;
  }
  if (view.crop > view.resize) {
    invalid(fmt::format("--val-crop-size {} is larger than --val-resize-size {}", view.crop,
                        view.resize));
  }
  return view;
}

TrainingView training_view(const DataRequest& request) {
  const PictureFlags& flags = request.pictures;
  TrainingView view{.crop = training_crop(request),
                    .interpolation = evaluation_view(request).interpolation,
                    .flip = flags.flip.value_or(0.5),
                    .seed = request.seed};
  if (!flags.scale.empty()) {
    view.range.least_area = flags.scale[0];
    view.range.most_area = flags.scale[1];
  }
  if (!flags.ratio.empty()) {
    view.range.least_ratio = flags.ratio[0];
    view.range.most_ratio = flags.ratio[1];
  }
  return view;
}

int64_t picture_channels(const DataRequest& request) {
  const auto& known = request.weights.description;
  if (known) return known->preprocessing.image[2];
  return request.training ? 3 : request.weights.model->channels;
}

Normalization normalization_of_weights(const DataRequest& request, int64_t channels) {
  const LoadedWeights& weights = request.weights;
  if (weights.description) return weights.description->preprocessing.normalization;
  const auto& published = weights.model->normalization;
  if (weights.path.empty() || !published) return {};
  const bool used = request.data.mean.empty() || request.data.deviation.empty();
  if (used && !request.quiet) {
    note(
        fmt::format("{} does not say how pixels are normalised: taken are mean {} and std {}, as "
                    "for the published weights of {}; --mean and --std say otherwise\n",
                    weights.path, published->mean, published->deviation, weights.model->name));
  }
  const auto count = static_cast<std::size_t>(channels);
  return {std::vector<double>(count, published->mean),
          std::vector<double>(count, published->deviation)};
}

void refuse_flags_of_files(const PictureFlags& flags, std::string_view data_set) {
  const std::pair<const char*, bool> given[] = {
      {"--train-crop-size", flags.train_crop_size.has_value()},
      {"--val-resize-size", flags.val_resize_size.has_value()},
      {"--val-crop-size", flags.val_crop_size.has_value()},
      {"--interpolation", !flags.interpolation.empty()},
      {"--scale", !flags.scale.empty()},
      {"--ratio", !flags.ratio.empty()},
      {"--workers", flags.workers.has_value()},
      {"--max-bad-images", flags.max_bad_images > 0},
  };
  for (const auto& [name, is_given] : given) {
    if (is_given) {
      invalid(fmt::format("{} is for pictures in folders; those of {} are taken as they are", name,
                          data_set));
    }
  }
}

void note_differences(const DataRequest& request, const Preprocessing& now) {
  const auto& known = request.weights.description;
  if (!known || request.training || request.quiet) return;
  const std::vector<std::string> found = differences(now, known->preprocessing);
  if (found.empty()) return;
  note(fmt::format("other than the weights were trained with: {}\n", fmt::join(found, "; ")));
}

void note_kept_outputs(const DataRequest& request, const std::vector<std::string>& class_names) {
  const auto& known = request.weights.description;
  const auto classes = static_cast<int64_t>(class_names.size());
  if (!known || request.quiet) return;
  const std::string anew = fmt::format("--classes {} --allow-partial makes new ones", classes);
  if (known->classes > classes) {
    note(fmt::format("{} for {} {}; {}\n", counted(known->classes, "output"), classes,
                     classes == 1 ? "class" : "classes", anew));
  }
  const std::vector<std::string>& names = known->preprocessing.class_names;
  for (std::size_t i = 0; i < std::min(names.size(), class_names.size()); ++i) {
    if (names[i] == class_names[i]) continue;
    note(fmt::format("output {} was class {} in {}, and is {} in the data\n", i, quote(names[i]),
                     request.weights.path, quote(class_names[i])));
    return;
  }
}

}  // namespace voluta::cli
