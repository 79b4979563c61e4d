#pragma once

// What the commands `voluta visualize ...` share: weights, one picture, a file to write.

#include <voluta/io/image.h>

#include "common_flags.h"
#include "data_flags.h"
#include "model_flags.h"
#include "picture_flags.h"

namespace voluta::cli {

struct VisualizeFlags {
  WeightsFlag weights;
  ModelFlags model;
  DataFlags data;
  PictureFlags pictures;
  DeviceFlags device;
  std::string picture, output, layer;
  std::optional<int64_t> index;

  // `output` is the name of the file that is written where --output is not given, `shows` what is seen
  // there.
  void declare_model(Flags& flags, const std::string& output, const std::string& shows);
  void declare_picture(Flags& flags);

  // Throws as check_writable() does; the weights and the picture stay.
  void check_output(const std::string& picture_path = "") const;
};

// A picture as the model sees it.
struct SeenPicture {
  std::string name;
  DataSets data;
  Tensor input;  // f32 [1,H,W,C]

  // The picture, each pixel as a square, so that the longer side has 384 pixels or more and the shorter
  // one 224.
  Image shown() const;
};

// The picture of the command line: a file, or one of a data set's test pictures. Throws invalid() where
// none is named.
SeenPicture open_picture(const VisualizeFlags& flags, const LoadedWeights& weights);

// The class of --class: a name of the weights' or a number. Throws invalid() for an unknown one.
int64_t find_class(const std::string& text, const Preprocessing& names);

// Throws invalid() unless the path ends like one of them, ".png".
void check_ending(const std::string& path, std::initializer_list<const char*> endings);

}  // namespace voluta::cli
