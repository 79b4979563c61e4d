#pragma once

// What flags, weights and published sizes together say of how pictures are seen.

#include "picture_flags.h"

namespace voluta::cli {

// Side of a training picture: --train-crop-size, else of the weights, else as published.
int64_t training_crop(const DataRequest& request);

// How evaluation sees pictures in files. Throws invalid() for a crop larger than the picture.
EvaluationView evaluation_view(const DataRequest& request);

TrainingView training_view(const DataRequest& request);

// Channels of pictures in files: those that the weights were trained on, else three; without
// training and a description as published.
int64_t picture_channels(const DataRequest& request);

// What the weights were trained with on pictures in files: by their description, else as published where that is
// not ImageNet's, which is said on standard error. Empty where nothing is known, and ImageNet's is right.
Normalization normalization_of_weights(const DataRequest& request, int64_t channels);

// Throws invalid(), naming the flag, where one of pictures in files is given for a small data set.
void refuse_flags_of_files(const PictureFlags& flags, std::string_view data_set);

// Says on standard error where pictures are seen otherwise than the weights were trained on.
void note_differences(const DataRequest& request, const Preprocessing& now);

// Says there what the outputs that training keeps of its start weights mean otherwise in the data: more of them than
// classes, or classes of other names.
void note_kept_outputs(const DataRequest& request, const std::vector<std::string>& class_names);

}  // namespace voluta::cli
