#pragma once

// The four IDX files of MNIST, and of everything that comes in its form: Fashion-MNIST, KMNIST, the
// drawn digits.

#include <voluta/io/labelled_images.h>

#include <string>

namespace voluta {

// Reads {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain, .gz or .xz, from
// a folder. Throws kFailed, naming the file, for a missing or malformed one, for counts that differ,
// and for a label outside 0..9.
LabelledImages read_mnist(const std::string& folder, Split split);

// Writes the two files of a split into an existing folder. Throws invalid() for what is no set of
// pictures, or none of one channel and ten classes, the most that read_mnist() takes.
void write_mnist(const std::string& folder, Split split, const LabelledImages& data);

// Whether the folder holds the training images under any of their names.
bool has_mnist(const std::string& folder);

// The first of the four files that the folder holds, under any of its names; empty where it holds none.
std::string find_mnist_file(const std::string& folder);

}  // namespace voluta
