#pragma once

namespace voluta {

// A place in a drawing: x to the right, y down.
struct Point {
  double x = 0, y = 0;
};

}  // namespace voluta
