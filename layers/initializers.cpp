#include <voluta/core/error.h>
#include <voluta/layers/initializers.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace voluta {
namespace {

// Fills with draws of `next(random)`.
template <class Next>
void fill(Tensor& tensor, Random& random, const Next& next) {
  for (float& value : tensor.data<float>()) value = static_cast<float>(next(random));
}

double xavier_deviation(const Shape& shape, double gain) {
  const Fans fans = fans_of(shape);
  return gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out));
}

double kaiming_deviation(const Shape& shape, Fan fan, double gain) {
  const Fans fans = fans_of(shape);
  return gain / std::sqrt(static_cast<double>(fan == Fan::kIn ? fans.in : fans.out));
}

// U(-b, b) of a deviation: b = sqrt(3) times it.
void fill_uniform(Tensor& tensor, Random& random, double deviation) {
  const double bound = std::numbers::sqrt3 * deviation;
  fill(tensor, random, [=](Random& r) { return r.next_uniform(-bound, bound); });
}

void fill_normal(Tensor& tensor, Random& random, double mean, double deviation) {
  fill(tensor, random, [=](Random& r) { return mean + deviation * r.next_normal(); });
}

// P(z <= x), of full relative accuracy for x < 0.
double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

// The interval of a standard normal distribution, by its ends and the probability below each. Cut
// out of the upper half it is mirrored, so that differences of probabilities keep their digits.
struct Cut {
  double low, high, below_low, below_high;
  bool mirrored;

  Cut(double from, double to) : low(from), high(to), mirrored(from > 0) {
    if (mirrored) {
      low = -to;
      high = -from;
    }
    below_low = normal_cdf(low);
    below_high = normal_cdf(high);
  }

  // Draws again until one falls inside; for intervals that catch a good share.
  double by_rejection(Random& random) const {
    for (;;) {
      const double z = random.next_normal();
      if (z >= low && z <= high) return mirrored ? -z : z;
    }
  }
  // The inverse of the distribution function, by bisection to the last bit.
  double by_inversion(Random& random) const {
    const double wanted = random.next_uniform(below_low, below_high);
    double a = low, b = high;
    for (double middle = std::midpoint(a, b); a < middle && middle < b;
         middle = std::midpoint(a, b)) {
      (normal_cdf(middle) < wanted ? a : b) = middle;
    }
    return mirrored ? -b : b;
  }
};

// From here on, throwing draws away costs less than inverting.
constexpr double kShareForRejection = 0.1;

}  // namespace

Fans fans_of(const Shape& weights) {
  if (weights.rank() < 2) {
    invalid("fans need weights of two axes or more, not the shape " + to_string(weights));
  }
  const int64_t outputs = weights[0], inputs = weights[weights.rank() - 1];
  if (weights.elements() == 0) return {0, 0};
  return {.in = weights.elements() / outputs, .out = weights.elements() / inputs};
}

double gain_of(ActivationKind kind, double negative_slope) {
  switch (kind) {
    case ActivationKind::kNone:
    case ActivationKind::kSigmoid:
      return 1;
    case ActivationKind::kTanh:
      return 5.0 / 3;
    case ActivationKind::kRelu:
      return std::numbers::sqrt2;
    case ActivationKind::kLeakyRelu:
      return std::sqrt(2 / (1 + negative_slope * negative_slope));
    default:
      invalid("no gain is defined for the activation '" + std::string(name_of(kind)) + "'");
  }
}

Initializer xavier_uniform(double gain) {
  return [gain](Tensor& tensor, Random& random) {
    fill_uniform(tensor, random, xavier_deviation(tensor.shape(), gain));
  };
}

Initializer xavier_normal(double gain) {
  return [gain](Tensor& tensor, Random& random) {
    fill_normal(tensor, random, 0, xavier_deviation(tensor.shape(), gain));
  };
}

Initializer kaiming_uniform(Fan fan, double gain) {
  return [fan, gain](Tensor& tensor, Random& random) {
    fill_uniform(tensor, random, kaiming_deviation(tensor.shape(), fan, gain));
  };
}

Initializer kaiming_normal(Fan fan, double gain) {
  return [fan, gain](Tensor& tensor, Random& random) {
    fill_normal(tensor, random, 0, kaiming_deviation(tensor.shape(), fan, gain));
  };
}

Initializer fill_with(float value) {
  return [value](Tensor& tensor, Random&) { std::ranges::fill(tensor.data<float>(), value); };
}

Initializer uniform(double low, double high) {
  return [low, high](Tensor& tensor, Random& random) {
    fill(tensor, random, [=](Random& r) { return r.next_uniform(low, high); });
  };
}

Initializer normal(double mean, double deviation) {
  return [mean, deviation](Tensor& tensor, Random& random) {
    fill_normal(tensor, random, mean, deviation);
  };
}

Initializer truncated_normal(double mean, double deviation, double low, double high) {
  if (!(low < high) || !(deviation > 0)) {
    invalid("a truncated normal distribution needs low < high and a deviation above 0");
  }
  const Cut cut((low - mean) / deviation, (high - mean) / deviation);
  return [=](Tensor& tensor, Random& random) {
    const bool reject = cut.below_high - cut.below_low >= kShareForRejection;
    fill(tensor, random, [&](Random& r) {
      const double z = reject ? cut.by_rejection(r) : cut.by_inversion(r);
      return std::clamp(mean + deviation * z, low, high);
    });
  };
}

Initializer uniform_fan_in(int64_t fan_in) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 1)));
  return uniform(-bound, bound);
}

}  // namespace voluta
