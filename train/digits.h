#pragma once

// Digits to train on where there is no MNIST: drawn from stroke shapes, each bent by an elastic
// field (Simard, Steinkraus, Platt 2003, "Best practices for convolutional neural networks applied
// to visual document analysis"), slanted, scaled, rotated and shifted, inked with a pen of varying
// width, antialiased, with a little noise. 28 x 28, white on black, centred as MNIST is.

#include <voluta/io/labelled_images.h>

#include <cstdint>

namespace voluta {

// `count` pictures, the ten digits in turn. Picture i of a split depends on (seed, split, i) alone.
// Throws invalid() for a count below 1 or beyond what an IDX file may hold.
LabelledImages draw_digits(int64_t count, uint64_t seed, Split split);

}  // namespace voluta
