#include <voluta/judge/random_convolutions.h>

#include <algorithm>
#include <array>
#include <utility>

namespace voluta::judge {
namespace {

// Extents whose convolution costs at most 0.3 MFLOP: SIMT runs 0.25 GFLOP/s.
constexpr int64_t kMaxFlops = 300000;

struct Extents {
  int64_t n, h, w, c, k, r, s, pt, pb, pl, pr, u, v, l, m, g;
};

bool fits(const Extents& e) {
  const int64_t rows = e.h + e.pt + e.pb - e.l * (e.r - 1) - 1;
  const int64_t columns = e.w + e.pl + e.pr - e.m * (e.s - 1) - 1;
  if (rows < 0 || columns < 0) return false;
  const int64_t pixels = e.n * (rows / e.u + 1) * (columns / e.v + 1);
  return 2 * pixels * e.k * e.r * e.s * (e.c / e.g) <= kMaxFlops;
}

Extents random_extents(Random& random) {
  auto between = [&](int64_t low, int64_t high) {
    return low + random.next_below(static_cast<uint32_t>(high - low + 1));
  };
  auto chance = [&](uint32_t percent) { return random.next_below(100) < percent; };
  Extents e;
  const int64_t side = between(1, 12), most_channels = between(1, 70);
  e.n = chance(50) ? 1 : between(1, 5);
  e.h = between(1, side + 3), e.w = between(1, side + 3);
  const std::array<int64_t, 8> filters = {1, 3, 3, 3, 5, 2, 4, 7};
  e.r = filters[random.next_below(8)], e.s = chance(70) ? e.r : between(1, 7);
  e.g = chance(70) ? 1 : between(2, 9);
  const bool depthwise = e.g > 1 && chance(40);
  if (depthwise) e.g = between(2, 40);
  e.c = depthwise ? e.g : e.g * between(1, std::max<int64_t>(1, most_channels / e.g));
  e.k = e.g * between(1, std::max<int64_t>(1, between(1, 70) / e.g));
  e.u = chance(60) ? 1 : between(2, 4), e.v = chance(80) ? e.u : between(1, 4);
  e.l = chance(75) ? 1 : between(2, 3), e.m = chance(80) ? e.l : between(1, 3);
  e.pt = chance(40) ? 0 : between(0, e.r), e.pl = chance(40) ? 0 : between(0, e.s);
  e.pb = chance(70) ? e.pt : between(0, e.r), e.pr = chance(70) ? e.pl : between(0, e.s);
  return e;
}

std::string to_line(const Extents& e) {
  auto token = [](const char* key, int64_t value) { return key + std::to_string(value); };
  std::string text = token("n", e.n) + token("h", e.h) + token("w", e.w) + token("c", e.c) +
                     token("k", e.k) + token("r", e.r) + token("s", e.s) + token("pt", e.pt) +
                     token("pb", e.pb) + token("pl", e.pl) + token("pr", e.pr) + token("u", e.u) +
                     token("v", e.v) + token("l", e.l) + token("m", e.m);
  return text;
}

}  // namespace

std::string random_geometry(Random& random) {
  Extents e = random_extents(random);
  while (!fits(e)) e = random_extents(random);
  return to_line(e) + "g" + std::to_string(e.g);
}

// Half of them 3 x 3 as in the MobileNets, half of them with whole groups of four channels.
std::string random_depthwise_geometry(Random& random) {
  Extents e;
  do {
    e = random_extents(random);
    if (random.next_below(2)) e.r = e.s = 3, e.l = e.m = 1, e.u = e.v = 1 + random.next_below(2);
    if (random.next_below(2)) e.c = (e.c + 3) / 4 * 4;
    e.g = e.c;
    e.k = e.c * std::max<int64_t>(1, int64_t{random.next_below(6)} - 2);
  } while (!fits(e));
  return to_line(e);
}

// The transposed convolution of the output of a random convolution back to its input, which is what
// keeps its extents fair.
std::string random_transposed(Random& random) {
  Extents e = random_extents(random);
  while (!fits(e)) e = random_extents(random);
  const int64_t rows = e.h + e.pt + e.pb - e.l * (e.r - 1) - 1;
  const int64_t columns = e.w + e.pl + e.pr - e.m * (e.s - 1) - 1;
  e.h = rows / e.u + 1, e.w = columns / e.v + 1;
  std::swap(e.c, e.k);
  return to_line(e) + "g" + std::to_string(e.g) + "oh" + std::to_string(rows % e.u) + "ow" +
         std::to_string(columns % e.v);
}

}  // namespace voluta::judge
