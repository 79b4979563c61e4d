#pragma once

// The extents of random lines of convolutions: small enough for SIMT, odd enough to reach every edge.

#include <voluta/core/random.h>

#include <string>

namespace voluta::judge {

std::string random_geometry(Random& random);            // of conv2d and its gradients
std::string random_depthwise_geometry(Random& random);  // half of them as in the MobileNets
std::string random_transposed(Random& random);          // of conv_transpose2d

}  // namespace voluta::judge
