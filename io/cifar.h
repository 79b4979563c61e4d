#pragma once

// CIFAR-10 and CIFAR-100 in their binary form (Krizhevsky 2009, "Learning multiple layers of
// features from tiny images"): records of one label byte (CIFAR-100: coarse, then fine), then
// 32 x 32 pixels of red, of green and of blue. Files may be compressed, .gz or .xz.

#include <voluta/io/labelled_images.h>

#include <string>

namespace voluta {

// Of one file, decompressed; CIFAR-100 has 154 MB. More is refused once that much was read.
inline constexpr int64_t kMostCifarBytes = int64_t{1} << 28;

// Train: data_batch_1.bin to data_batch_5.bin; test: test_batch.bin, else its published part
// test_batch_first1017.bin. Ten classes.
// Throws kFailed, naming the file and where there is one the record and its byte, for a missing or
// empty file, a size that is no multiple of a record, and a label outside the classes.
LabelledImages read_cifar10(const std::string& folder, Split split);

// train.bin or test.bin, with the hundred fine labels. Errors as above.
LabelledImages read_cifar100(const std::string& folder, Split split);

// Whether the folder holds any of the files.
bool has_cifar10(const std::string& folder);
bool has_cifar100(const std::string& folder);

}  // namespace voluta
