#include <voluta/core/error.h>
#include <voluta/core/random.h>
#include <voluta/io/idx.h>
#include <voluta/train/digit_strokes.h>
#include <voluta/train/digits.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

namespace voluta {
namespace {

constexpr int kSize = 28;                                 // pixels
constexpr double kBox = 20.0;                             // pixels: MNIST's digits fill 20 x 20
constexpr uint64_t kDigitStream = 0x646967697473u << 16;  // "digits": apart from other streams

using Plane = std::array<double, kSize * kSize>;

// Uniform noise in [-1, 1] under a Gaussian of 4 pixels, times 34: Simard's smooth random field.
class ElasticField {
 public:
  explicit ElasticField(Random& random) : dx_(smooth_noise(random)), dy_(smooth_noise(random)) {}

  Point displaced(Point p, double strength) const {
    return {p.x + strength * at(dx_, p), p.y + strength * at(dy_, p)};
  }

 private:
  static constexpr double kSigma = 4.0, kAlpha = 34.0;
  static constexpr int kRadius = 12;

  static Plane smooth_noise(Random& random) {
    Plane noise;
    for (double& value : noise) value = kAlpha * random.next_uniform(-1.0, 1.0);
    return blurred(blurred(noise, 1, kSize), kSize, 1);
  }

  // Along the axis of stride `step`; `across` is the other axis' stride. Beyond the edge: zero.
  static Plane blurred(const Plane& from, int step, int across) {
    static const std::array<double, kRadius + 1> kWeights = [] {
      std::array<double, kRadius + 1> weights{};
      double sum = 0;
      for (int i = 0; i <= kRadius; ++i) {
        weights[static_cast<std::size_t>(i)] = std::exp(-i * i / (2 * kSigma * kSigma));
        sum += weights[static_cast<std::size_t>(i)] * (i == 0 ? 1 : 2);
      }
      for (double& weight : weights) weight /= sum;
      return weights;
    }();
    Plane to{};
    for (int line = 0; line < kSize; ++line) {
      for (int at = 0; at < kSize; ++at) {
        double sum = 0;
        for (int i = std::max(0, at - kRadius); i <= std::min(kSize - 1, at + kRadius); ++i) {
          sum += kWeights[static_cast<std::size_t>(std::abs(i - at))] *
                 from[static_cast<std::size_t>(line * across + i * step)];
        }
        to[static_cast<std::size_t>(line * across + at * step)] = sum;
      }
    }
    return to;
  }

  // Bilinear; outside the picture the nearest edge counts.
  static double at(const Plane& plane, Point p) {
    const double x = std::clamp(p.x, 0.0, kSize - 1.001), y = std::clamp(p.y, 0.0, kSize - 1.001);
    const int left = static_cast<int>(x), top = static_cast<int>(y);
    const double u = x - left, v = y - top;
    const double* corner = plane.data() + top * kSize + left;
    return (1 - v) * ((1 - u) * corner[0] + u * corner[1]) +
           v * ((1 - u) * corner[kSize] + u * corner[kSize + 1]);
  }

  Plane dx_, dy_;
};

// A curve through the stroke's points (Catmull and Rom 1974), eight pieces between two of them.
Stroke smooth(const Stroke& stroke) {
  if (stroke.size() < 3) return stroke;
  constexpr int kPieces = 8;
  Stroke curve;
  for (std::size_t i = 0; i + 1 < stroke.size(); ++i) {
    const Point p0 = stroke[i > 0 ? i - 1 : 0], p1 = stroke[i], p2 = stroke[i + 1];
    const Point p3 = stroke[std::min(i + 2, stroke.size() - 1)];
    for (int piece = 0; piece < kPieces; ++piece) {
      const double t = static_cast<double>(piece) / kPieces;
      const auto blend = [t](double a, double b, double c, double d) {
        return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      };
      curve.push_back({blend(p0.x, p1.x, p2.x, p3.x), blend(p0.y, p1.y, p2.y, p3.y)});
    }
  }
  curve.push_back(stroke.back());
  return curve;
}

// A straight line in pieces, so that the field can bend it.
Stroke divided(const Stroke& line) {
  constexpr int kPieces = 8;
  if (line.size() != 2) return line;
  Stroke pieces;
  for (int i = 0; i <= kPieces; ++i) {
    const double t = static_cast<double>(i) / kPieces;
    pieces.push_back(
        {line[0].x + t * (line[1].x - line[0].x), line[0].y + t * (line[1].y - line[0].y)});
  }
  return pieces;
}

struct Affine {
  double xx, xy, yx, yy;  // unit square around its centre to pixels
  Point centre;
  Point operator()(Point p) const {
    const double x = p.x - 0.5, y = p.y - 0.5;
    return {centre.x + xx * x + xy * y, centre.y + yx * x + yy * y};
  }
};

Affine random_affine(Random& random) {
  const double angle = std::clamp(0.14 * random.next_normal(), -0.35, 0.35);  // radians
  const double slant = std::clamp(0.05 + 0.18 * random.next_normal(), -0.4, 0.5);
  const double height = kBox * random.next_uniform(0.85, 1.05);
  const double width = height * random.next_uniform(0.62, 1.0);
  const double c = std::cos(angle), s = std::sin(angle);
  return {.xx = c * width,
          .xy = -c * slant * height - s * height,
          .yx = s * width,
          .yy = c * height - s * slant * height,
          .centre = {13.5 + random.next_uniform(-1.5, 1.5), 13.5 + random.next_uniform(-1.5, 1.5)}};
}

double squared_distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length = dx * dx + dy * dy;
  const double t =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
  const double ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
  return ex * ex + ey * ey;
}

// Lowers each pixel's squared distance to the pen's path where the segment comes near.
void trace(Plane& distance, Point a, Point b, double reach) {
  const auto first = [&](double v) { return std::max(0, static_cast<int>(std::ceil(v - reach))); };
  const auto last = [&](double v) {
    return std::min(kSize - 1, static_cast<int>(std::floor(v + reach)));
  };
  for (int y = first(std::min(a.y, b.y)); y <= last(std::max(a.y, b.y)); ++y) {
    for (int x = first(std::min(a.x, b.x)); x <= last(std::max(a.x, b.x)); ++x) {
      double& nearest = distance[static_cast<std::size_t>(y * kSize + x)];
      nearest = std::min(nearest, squared_distance({double(x), double(y)}, a, b));
    }
  }
}

void draw(int digit, Random random, uint8_t* pixels) {
  const std::span<const DigitShape> shapes = digit_shapes(digit);
  const DigitShape& shape = shapes[random.next_below(static_cast<uint32_t>(shapes.size()))];
  const Affine affine = random_affine(random);
  const ElasticField field(random);
  const double strength = random.next_uniform(0.3, 1.0);
  const double radius = random.next_uniform(0.75, 1.75);  // of the pen, pixels
  const double softness = random.next_uniform(0.9, 1.5);  // width of its edge, pixels
  const double ink = random.next_uniform(0.85, 1.0);
  constexpr double kJitter = 0.022, kNoise = 4.0;

  Plane distance;
  distance.fill(1e9);
  for (const Stroke& stroke : shape) {
    Stroke points = stroke;
    for (Point& p : points) {
      p = {p.x + kJitter * random.next_normal(), p.y + kJitter * random.next_normal()};
    }
    Stroke curve = divided(smooth(points));
    for (Point& p : curve) p = field.displaced(affine(p), strength);
    for (std::size_t i = 0; i + 1 < curve.size(); ++i) {
      trace(distance, curve[i], curve[i + 1], radius + softness);
    }
  }
  for (std::size_t i = 0; i < distance.size(); ++i) {
    const double cover = std::clamp(0.5 + (radius - std::sqrt(distance[i])) / softness, 0.0, 1.0);
    const double value = 255.0 * ink * cover + kNoise * random.next_normal();
    pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
}

}  // namespace

LabelledImages draw_digits(int64_t count, uint64_t seed, Split split) {
  constexpr int64_t kPixels = kSize * kSize;
  if (count < 1 || count > kMostIdxBytes / kPixels) {
    invalid("the number of pictures must be in 1.." + std::to_string(kMostIdxBytes / kPixels));
  }
  LabelledImages data{Tensor(DType::u8, {count, kSize, kSize, 1}), Tensor(DType::i64, {count}), 10};
  uint8_t* pixels = data.images.data<uint8_t>().data();
  const std::span<int64_t> labels = data.labels.data<int64_t>();
  const uint64_t stream = (kDigitStream + static_cast<uint64_t>(split)) << 32;

  const auto threads = std::max<int64_t>(1, std::thread::hardware_concurrency());
  std::vector<std::jthread> workers;
  for (int64_t thread = 0; thread < threads; ++thread) {
    workers.emplace_back([=] {
      for (int64_t i = thread; i < count; i += threads) {
        const int digit = static_cast<int>(i % 10);
        labels[static_cast<std::size_t>(i)] = digit;
        draw(digit, Random(seed, stream + static_cast<uint64_t>(i)), pixels + i * kPixels);
      }
    });
  }
  workers.clear();  // joins
  return data;
}

}  // namespace voluta
