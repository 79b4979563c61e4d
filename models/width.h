#pragma once

// How the option `width` changes the channels of a layer.

#include <cstdint>

namespace voluta {

// round(channels * width), halves up, as the nearest multiple of `groups`, and at least `groups`.
// Throws invalid() unless width is finite and above 0.
int64_t scale_channels(int64_t channels, double width, int64_t groups = 1);

// The MobileNets' rule: the multiple of 8 nearest to channels * width, at least 8, and the next one
// where that would take away more than a tenth. Sandler et al. 2018, reference implementation,
// `_make_divisible`. Throws as scale_channels() does.
int64_t scale_channels_by_eight(int64_t channels, double width);

}  // namespace voluta
