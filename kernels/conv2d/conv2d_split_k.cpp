#include <voluta/kernels/conv2d/conv2d_split_k.h>

#include <algorithm>

namespace voluta::split_k {
namespace {

constexpr int64_t kMultiprocessors = 132, kMostSplits = 32;
constexpr double kStartCycles = 1500;   // until a block's first step has arrived
constexpr double kLaunchCycles = 2500;  // of another kernel, between the two
constexpr double kBytesPerCycle = 24;   // that an SM moves to or from the L2 cache
constexpr double kWorthwhile = 1.1;     // rates are guesses, and parts take memory
constexpr double kNearly = 1.02;

int64_t divided_up(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}

int64_t elements(const Product& product) {
  return product.rows * product.columns * product.count;
}

Cut best(const Product& product, std::span<const TileCost> tiles, int64_t least, int64_t most) {
  Cut best;
  for (const TileCost& tile : tiles) {
    for (int64_t splits = least; splits <= most; ++splits) {
      const double cycles = split_k::cycles(product, tile, splits);
      if (best.cycles > 0 && cycles >= best.cycles) continue;
      best = {tile.tile, static_cast<int>(splits), cycles};
    }
  }
  return best;
}

int64_t count_steps(const Steps& steps, int64_t taps, int64_t channels) {
  return steps.by_tap ? taps * divided_up(channels, steps.elements)
                      : divided_up(taps * channels, steps.elements);
}

}  // namespace

Product forward_product(const Problem& problem, const Steps& steps) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return {g.n * g.p * g.q, g.group_k, g.groups, count_steps(steps, g.r * g.s, g.group_c)};
}

Product input_gradient_product(const Problem& problem, const Steps& steps) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t phases = std::min(g.u, g.h) * std::min(g.v, g.w);
  return {g.n * divided_up(g.h, g.u) * divided_up(g.w, g.v), g.group_c, g.groups * phases,
          divided_up(count_steps(steps, g.r * g.s, g.group_k), phases)};
}

// Tiles go round the chip; a round lasts as long as a tile. Then all SMs read the parts.
double cycles(const Product& product, const TileCost& tile, int64_t splits) {
  const int64_t tiles = divided_up(product.rows, tile.tile.rows) *
                        divided_up(product.columns, tile.tile.columns) * product.count;
  const auto rounds = static_cast<double>(divided_up(tiles * splits, kMultiprocessors));
  const auto steps = static_cast<double>(divided_up(product.steps, splits));
  const auto bytes = static_cast<double>(splits == 1 ? product.whole_bytes : 4);
  const double stored = bytes * tile.tile.rows * tile.tile.columns / kBytesPerCycle;
  const double first = kStartCycles + rounds * (steps * tile.step_cycles + stored);
  if (splits == 1) return first;
  return first + kernel_cycles(4.0 * static_cast<double>(product.rows * product.columns) *
                               static_cast<double>(product.count * splits));
}

double kernel_cycles(double bytes) {
  return kLaunchCycles + bytes / (kBytesPerCycle * kMultiprocessors);
}

Cut whole(const Product& product, std::span<const TileCost> tiles) {
  return best(product, tiles, 1, 1);
}

Cut split(const Product& product, std::span<const TileCost> tiles) {
  return best(product, tiles, 2, std::min(product.steps / kLeastSteps, kMostSplits));
}

Cut parts(const Product& product, std::span<const TileCost> tiles) {
  const int64_t most = std::clamp<int64_t>(product.steps / kLeastSumSteps, 1, kMostSumParts);
  const auto of = [&](int64_t splits) { return best(product, tiles, splits, splits); };
  double least = of(1).cycles;
  for (int64_t splits = 2; splits <= most; ++splits) least = std::min(least, of(splits).cycles);
  int64_t splits = 1;
  while (of(splits).cycles > least * kNearly) ++splits;
  return of(splits);
}

double least_cycles(const Product& product, std::span<const TileCost> tiles) {
  const double of_whole = whole(product, tiles).cycles;
  return supports(product).ok ? std::min(of_whole, split(product, tiles).cycles) : of_whole;
}

Support supports(const Product& product) {
  if (product.steps < 2 * kLeastSteps) return Support::no("too little depth to be split");
  if (elements(product) * kMostSplits > INT64_C(0x7fffffff)) {
    return Support::no("enough tiles: 2^26 elements or more");
  }
  return Support::yes();
}

bool pays(const Product& product, std::span<const TileCost> tiles) {
  return split(product, tiles).cycles * kWorthwhile < whole(product, tiles).cycles;
}

}  // namespace voluta::split_k
