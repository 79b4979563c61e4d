#include <voluta/layers/initializers.h>

#include <algorithm>
#include <cmath>

namespace voluta {

Initializer fill_with(float value) {
  return [value](Tensor& tensor, Random&) { std::ranges::fill(tensor.data<float>(), value); };
}

Initializer uniform_fan_in(int64_t fan_in) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 1)));
  return [bound](Tensor& tensor, Random& random) {
    for (float& value : tensor.data<float>()) {
      value = static_cast<float>(random.next_uniform(-bound, bound));
    }
  };
}

}  // namespace voluta
