#pragma once

// Labelled pictures as files hold them, and the four IDX files of MNIST (and of everything that
// comes in its form: Fashion-MNIST, KMNIST, the drawn digits).

#include <voluta/core/tensor.h>

#include <string>

namespace voluta {

struct LabelledImages {
  Tensor images;  // u8 [N,H,W,C]
  Tensor labels;  // i64 [N], each in [0, classes)
  int64_t classes = 0;
  int64_t count() const { return images.shape()[0]; }
};

enum class Split { kTrain, kTest };

// Reads {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain or .gz, from a
// folder. Throws kFailed, naming the file, for a missing or malformed one, for counts that differ,
// and for a label outside 0..9.
LabelledImages read_mnist(const std::string& folder, Split split);

// Writes the two files of a split into an existing folder.
void write_mnist(const std::string& folder, Split split, const LabelledImages& data);

// Whether the folder holds the training images under any of their names.
bool has_mnist(const std::string& folder);

}  // namespace voluta
