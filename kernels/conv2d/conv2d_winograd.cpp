#include <voluta/kernels/conv2d/conv2d_winograd.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace voluta::winograd {
namespace {

std::size_t at(int i) {
  return static_cast<std::size_t>(i);
}

// out[i,j] = sum_ab |M_ia| |in[a,b]| |M_jb|
template <class Matrix>
void magnitudes(const double* in, double* out) {
  constexpr int kRows = Matrix::kRows, kColumns = Matrix::kColumns;
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kRows; ++j) {
      double sum = 0;
      for (int a = 0; a < kColumns; ++a) {
        for (int b = 0; b < kColumns; ++b) {
          sum += std::fabs(Matrix::at(i, a) * in[a * kColumns + b] * Matrix::at(j, b));
        }
      }
      out[i * kRows + j] = sum;
    }
  }
}

// Note [Winograd's error], tile by tile.
template <class F>
class Magnitudes {
  static constexpr int kPositions = F::kInputs * F::kInputs;

 public:
  Magnitudes(const Problem& problem, const Args& args)
      : g_(convolution(problem, F::kOutputs)),
        in_(args.in<double>(0)),
        roundings_(g_.c + F::kRoundings + conv2d_epilogue_roundings(problem)),
        filters_(static_cast<std::size_t>(kPositions) * at(g_.c) * at(g_.k)),
        sums_(at(g_.k) * kPositions),
        out_(at(g_.n) * at(g_.p) * at(g_.q) * at(g_.k)) {
    const Conv2dEpilogueInputs of = conv2d_epilogue_inputs(problem);
    bias_ = of.address<double>(args, of.bias);
    scale_ = of.address<double>(args, of.scale);
    shift_ = of.address<double>(args, of.shift);
    residual_ = of.address<double>(args, of.residual);
    transform_filters(args.in<double>(1));
  }

  std::vector<double> run() {
    for (int n = 0; n < g_.n; ++n) {
      for (int row = 0; row < g_.tile_rows; ++row) {
        for (int column = 0; column < g_.tile_columns; ++column) add_tile(n, row, column);
      }
    }
    return std::move(out_);
  }

 private:
  // filters_[position, c, k]
  void transform_filters(const double* w) {
    for (int c = 0; c < g_.c; ++c) {
      for (int k = 0; k < g_.k; ++k) {
        double taps[9], out[kPositions];
        for (int tap = 0; tap < 9; ++tap) {
          taps[tap] = g_.turned ? w[(at(c) * 9 + at(8 - tap)) * at(g_.k) + at(k)]
                                : w[(at(k) * 9 + at(tap)) * at(g_.c) + at(c)];
        }
        magnitudes<typename F::Filter>(taps, out);
        for (int i = 0; i < kPositions; ++i) {
          filters_[(at(i) * at(g_.c) + at(c)) * at(g_.k) + at(k)] = out[i];
        }
      }
    }
  }

  double input(int n, int h, int w, int c) const {
    if (h < 0 || h >= g_.h || w < 0 || w >= g_.w) return 0;
    return in_[((at(n) * at(g_.h) + at(h)) * at(g_.w) + at(w)) * at(g_.c) + at(c)];
  }

  void add_tile(int n, int row, int column) {
    sums_.assign(sums_.size(), 0);
    const int first_h = row * F::kOutputs - g_.top, first_w = column * F::kOutputs - g_.left;
    for (int c = 0; c < g_.c; ++c) {
      double tile[kPositions], transformed[kPositions];
      for (int i = 0; i < kPositions; ++i) {
        tile[i] = input(n, first_h + i / F::kInputs, first_w + i % F::kInputs, c);
      }
      magnitudes<typename F::Input>(tile, transformed);
      for (int i = 0; i < kPositions; ++i) {
        const double* filters = &filters_[(at(i) * at(g_.c) + at(c)) * at(g_.k)];
        for (int k = 0; k < g_.k; ++k) {
          sums_[at(i) * at(g_.k) + at(k)] += transformed[i] * filters[k];
        }
      }
    }
    store_tile(n, row * F::kOutputs, column * F::kOutputs);
  }

  // T of an output from that of its sum.
  double with_epilogue(double sum, int k, std::size_t element) const {
    if (bias_) sum += std::fabs(bias_[k]);
    if (scale_) sum = sum * std::fabs(scale_[k]) + std::fabs(shift_[k]);
    return residual_ ? sum + std::fabs(residual_[element]) : sum;
  }

  void store_tile(int n, int first_p, int first_q) {
    const double error = static_cast<double>(roundings_) * 0x1p-24;
    for (int k = 0; k < g_.k; ++k) {
      double products[kPositions], tile[F::kOutputs * F::kOutputs];
      for (int i = 0; i < kPositions; ++i) products[i] = sums_[at(i) * at(g_.k) + at(k)];
      magnitudes<typename F::Output>(products, tile);
      for (int i = 0; i < F::kOutputs * F::kOutputs; ++i) {
        const int p = first_p + i / F::kOutputs, q = first_q + i % F::kOutputs;
        if (p >= g_.p || q >= g_.q) continue;
        const std::size_t element =
            ((at(n) * at(g_.p) + at(p)) * at(g_.q) + at(q)) * at(g_.k) + at(k);
        out_[element] = error / (1 - error) * with_epilogue(tile[i], k, element);
      }
    }
  }

  Convolution g_;
  const double* in_;
  int64_t roundings_;
  const double *bias_, *scale_, *shift_, *residual_;  // nullptr: none
  std::vector<double> filters_, sums_, out_;
};

// Of the filter gradient of F2, tile by tile.
class FilterGradientMagnitudes {
  static constexpr int kPositions = F2::kInputs * F2::kInputs;

 public:
  FilterGradientMagnitudes(const Problem& problem, const Args& args)
      : g_(convolution(problem, F2::kOutputs)),
        x_(args.in<double>(0)),
        dy_(args.in<double>(1)),
        xs_(kPositions * at(g_.c)),
        dys_(kPositions * at(g_.k)),
        sums_(kPositions * at(g_.c) * at(g_.k)) {}

  std::vector<double> run() {
    for (int n = 0; n < g_.n; ++n) {
      for (int row = 0; row < g_.tile_rows; ++row) {
        for (int column = 0; column < g_.tile_columns; ++column) add_tile(n, row, column);
      }
    }
    return filters();
  }

 private:
  // Tiles [kPositions, channels] of a tensor, transformed; zeros outside.
  template <class Matrix>
  static void transform(const double* tensor, int n, int rows, int columns, int channels,
                        int first_row, int first_column, std::vector<double>& out) {
    constexpr int kSide = Matrix::kColumns;
    for (int c = 0; c < channels; ++c) {
      double tile[kSide * kSide], transformed[kPositions];
      for (int i = 0; i < kSide * kSide; ++i) {
        const int h = first_row + i / kSide, w = first_column + i % kSide;
        const bool inside = h >= 0 && h < rows && w >= 0 && w < columns;
        const std::size_t pixel = (at(n) * at(rows) + at(h)) * at(columns) + at(w);
        tile[i] = inside ? tensor[pixel * at(channels) + at(c)] : 0;
      }
      magnitudes<Matrix>(tile, transformed);
      for (int i = 0; i < kPositions; ++i) out[at(i) * at(channels) + at(c)] = transformed[i];
    }
  }

  void add_tile(int n, int row, int column) {
    const int p = row * F2::kOutputs, q = column * F2::kOutputs;
    transform<F2::Input>(x_, n, g_.h, g_.w, g_.c, p - g_.top, q - g_.left, xs_);
    transform<Transposed<F2::Output>>(dy_, n, g_.p, g_.q, g_.k, p, q, dys_);
    for (int i = 0; i < kPositions; ++i) {
      for (int c = 0; c < g_.c; ++c) {
        double* sums = &sums_[(at(i) * at(g_.c) + at(c)) * at(g_.k)];
        for (int k = 0; k < g_.k; ++k) {
          sums[k] += xs_[at(i) * at(g_.c) + at(c)] * dys_[at(i) * at(g_.k) + at(k)];
        }
      }
    }
  }

  // The bounds of dw[K,3,3,C].
  std::vector<double> filters() const {
    constexpr int kTransforms = 8;  // their roundings
    const double error = (g_.tiles + filter_gradient_splits(g_) + kTransforms) * 0x1p-24;
    std::vector<double> out(at(g_.k) * 9 * at(g_.c));
    for (int k = 0; k < g_.k; ++k) {
      for (int c = 0; c < g_.c; ++c) {
        double products[kPositions], taps[9];
        for (int i = 0; i < kPositions; ++i) {
          products[i] = sums_[(at(i) * at(g_.c) + at(c)) * at(g_.k) + at(k)];
        }
        magnitudes<Transposed<F2::Filter>>(products, taps);
        for (int tap = 0; tap < 9; ++tap) {
          out[(at(k) * 9 + at(tap)) * at(g_.c) + at(c)] = error / (1 - error) * taps[tap];
        }
      }
    }
    return out;
  }

  Convolution g_;
  const double *x_, *dy_;
  std::vector<double> xs_, dys_, sums_;
};

// ceil(extent / side)
int64_t tiles_along(int64_t extent, int64_t side) {
  return (extent + side - 1) / side;
}

}  // namespace

Convolution convolution(const Problem& problem, int outputs) {
  const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
  Convolution conv = {.n = g.n,
                      .h = g.h,
                      .w = g.w,
                      .c = g.c,
                      .p = g.p,
                      .q = g.q,
                      .k = g.k,
                      .top = g.top,
                      .left = g.left,
                      .tile_rows = 0,
                      .tile_columns = 0,
                      .tiles = 0,
                      .turned = false};
  if (problem.op->name == Conv2dInputGradient::kName) {
    conv = {.n = g.n,
            .h = g.p,
            .w = g.q,
            .c = g.k,
            .p = g.h,
            .q = g.w,
            .k = g.c,
            .top = 2 - g.top,
            .left = 2 - g.left,
            .tile_rows = 0,
            .tile_columns = 0,
            .tiles = 0,
            .turned = true};
  }
  conv.tile_rows = static_cast<int>(tiles_along(conv.p, outputs));
  conv.tile_columns = static_cast<int>(tiles_along(conv.q, outputs));
  conv.tiles = conv.n * conv.tile_rows * conv.tile_columns;
  return conv;
}

Support supports(const Problem& problem) {
  if (const Support support = supports_one_output(problem); !support.ok) return support;
  if (const Support support = supports_conv2d_kernel(problem); !support.ok) return support;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.r != 3 || g.s != 3) {
    return Support::no("computes 3 x 3 filters, not " + std::to_string(g.r) + " x " +
                       std::to_string(g.s));
  }
  if (g.u != 1 || g.v != 1) return Support::no("computes stride 1 alone");
  if (g.l != 1 || g.m != 1) return Support::no("computes dilation 1 alone");
  if (g.groups != 1) return Support::no("computes one group alone");
  // Blocks, rounded up, reach past the end. The smaller tiles are the more.
  constexpr int64_t kLimit = (int64_t{1} << 31) - (int64_t{1} << 16);
  const bool turned = problem.op->name == Conv2dInputGradient::kName;
  const int64_t tiles =
      g.n * tiles_along(turned ? g.h : g.p, 2) * tiles_along(turned ? g.w : g.q, 2);
  if (tiles * g.c >= kLimit || tiles * g.k >= kLimit) {
    return Support::no("nearly 2^31 tiles times channels");
  }
  return Support::yes();
}

template <class F>
std::vector<double> bounds(const Problem& problem, const Args& args) {
  return Magnitudes<F>(problem, args).run();
}

std::vector<double> filter_gradient_bounds(const Problem& problem, const Args& args) {
  return FilterGradientMagnitudes(problem, args).run();
}

int filter_gradient_splits(const Convolution& conv) {
  constexpr int64_t kWantedBlocks = 264, kLeastTiles = 128;
  const int64_t blocks = tiles_along(conv.c, 32) * tiles_along(conv.k, 64);
  const int64_t most = std::max<int64_t>(conv.tiles / kLeastTiles, 1);
  return static_cast<int>(std::clamp<int64_t>(kWantedBlocks / blocks, 1, most));
}

template std::vector<double> bounds<F2>(const Problem& problem, const Args& args);
template std::vector<double> bounds<F4>(const Problem& problem, const Args& args);

}  // namespace voluta::winograd
