#pragma once

// What the kernels of Winograd's two tilings share on the device: transforms in registers, where a
// tile lies, and the kernel that transforms the filters.

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_winograd.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

namespace voluta::winograd {

// Row i of the matrix times a vector. Unrolled: zeros cost nothing, ones no product.
template <class Matrix, class Element>
__device__ float row_times(int i, Element&& element) {
  float sum = 0.0f;
  bool first = true;
#pragma unroll
  for (int j = 0; j < Matrix::kColumns; ++j) {
    const auto factor = static_cast<float>(Matrix::at(i, j));
    if (factor == 0.0f) continue;
    sum = first ? factor * element(j) : fmaf(factor, element(j), sum);
    first = false;
  }
  return sum;
}

// out = M in M^T
template <class Matrix>
__device__ void transform(const float (&in)[Matrix::kColumns][Matrix::kColumns],
                          float (&out)[Matrix::kRows][Matrix::kRows]) {
  float half[Matrix::kRows][Matrix::kColumns];
#pragma unroll
  for (int i = 0; i < Matrix::kRows; ++i) {
#pragma unroll
    for (int j = 0; j < Matrix::kColumns; ++j) {
      half[i][j] = row_times<Matrix>(i, [&](int a) { return in[a][j]; });
    }
  }
#pragma unroll
  for (int i = 0; i < Matrix::kRows; ++i) {
#pragma unroll
    for (int j = 0; j < Matrix::kRows; ++j) {
      out[i][j] = row_times<Matrix>(j, [&](int b) { return half[i][b]; });
    }
  }
}

// The first row and column of a tile, of F's tiles in the order [N, tile_rows, tile_columns].
struct Place {
  int image, row, column;
};

struct Tiling {
  Convolution g;
  FastDivisor by_rows, by_columns;

  Tiling() = default;
  explicit Tiling(const Convolution& conv)
      : g(conv), by_rows(conv.tile_rows), by_columns(conv.tile_columns) {}

  template <class F>
  __device__ Place place(int tile) const {
    const int column = by_columns.take_remainder(tile), row = by_rows.take_remainder(tile);
    return {tile, row * F::kOutputs, column * F::kOutputs};
  }

  // Channel c of the input tile at a place of the output; zeros outside the image.
  template <class F>
  __device__ void load(const float* in, const Place& at, int c, bool valid,
                       float (&tile)[F::kInputs][F::kInputs]) const {
    const float* image = in + at.image * g.h * g.w * g.c;  // [H,W,C]
    each_input<F>(at, [&](int i, int j, int h, int w, bool inside) {
      tile[i][j] = valid && inside ? image[(h * g.w + w) * g.c + c] : 0.0f;
    });
  }

  // Normalises what load() gave, but for the zeros outside. Apart from it, so that loads are under way
  // while other work is done.
  template <class F>
  __device__ void normalise(const Normaliser& normaliser, const Place& at, int c,
                            float (&tile)[F::kInputs][F::kInputs]) const {
    const Normaliser::Channel channel = normaliser.channel(c);
    each_input<F>(at, [&](int i, int j, int, int, bool inside) {
      if (inside) tile[i][j] = normaliser(channel, tile[i][j]);
    });
  }

  // Channel k of an output tile's gradient; zeros where it overhangs.
  template <class F>
  __device__ void load_outputs(const float* dy, const Place& at, int k, bool valid,
                               float (&tile)[F::kOutputs][F::kOutputs]) const {
    const float* image = dy + at.image * g.p * g.q * g.k;  // [P,Q,K]
#pragma unroll
    for (int i = 0; i < F::kOutputs; ++i) {
      const int p = at.row + i;
#pragma unroll
      for (int j = 0; j < F::kOutputs; ++j) {
        const int q = at.column + j;
        tile[i][j] = valid && p < g.p && q < g.q ? image[(p * g.q + q) * g.k + k] : 0.0f;
      }
    }
  }

  // Channel k of an output tile, what overhangs left out.
  template <class F>
  __device__ void store(float* out, const Place& at, int k, const Epilogue<float>& epilogue,
                        const float (&tile)[F::kOutputs][F::kOutputs]) const {
    const EpilogueChannel channel = epilogue.channel(k);
#pragma unroll
    for (int i = 0; i < F::kOutputs; ++i) {
      const int p = at.row + i;
#pragma unroll
      for (int j = 0; j < F::kOutputs; ++j) {
        const int q = at.column + j;
        if (p >= g.p || q >= g.q) continue;
        const int element = ((at.image * g.p + p) * g.q + q) * g.k + k;
        const float sum = epilogue.finish(channel, tile[i][j], epilogue.residual_at(element));
        out[element] = epilogue.gated(element, sum);
      }
    }
  }

 private:
  // f(row i and column j of an input tile, row h and column w of the image, whether that is within)
  template <class F, class Visit>
  __device__ void each_input(const Place& at, Visit f) const {
#pragma unroll
    for (int i = 0; i < F::kInputs; ++i) {
      const int h = at.row - g.top + i;
      const bool row_inside = h >= 0 && h < g.h;
#pragma unroll
      for (int j = 0; j < F::kInputs; ++j) {
        const int w = at.column - g.left + j;
        f(i, j, h, w, row_inside && w >= 0 && w < g.w);
      }
    }
  }
};

constexpr int kFilterColumns = 32, kFilterRows = 8;  // a block of transform_filters: k, c

// u[position, c, k] = (G w G^T)[position] of the filters, zeros where c or k are past the end.
// A warp writes 32 neighbours; the sectors of w that it reads serve the other warps of the block.
template <class F>
__global__ void transform_filters(const float* w, float* u, Convolution g, int padded_c,
                                  int padded_k, int column_blocks) {
  const int block = static_cast<int>(blockIdx.x);
  const int k = block % column_blocks * kFilterColumns + static_cast<int>(threadIdx.x);
  const int c = block / column_blocks * kFilterRows + static_cast<int>(threadIdx.y);
  if (c >= padded_c || k >= padded_k) return;
  float taps[3][3] = {}, out[F::kInputs][F::kInputs];
  if (c < g.c && k < g.k) {
#pragma unroll
    for (int r = 0; r < 3; ++r) {
#pragma unroll
      for (int s = 0; s < 3; ++s) {
        taps[r][s] = g.turned ? w[((c * 3 + 2 - r) * 3 + 2 - s) * g.k + k]
                              : w[((k * 3 + r) * 3 + s) * g.c + c];
      }
    }
  }
  transform<typename F::Filter>(taps, out);
  const std::size_t matrix =
      static_cast<std::size_t>(padded_c) * static_cast<std::size_t>(padded_k);
  float* at = u + static_cast<std::size_t>(c) * static_cast<std::size_t>(padded_k) + k;
#pragma unroll
  for (int i = 0; i < F::kInputs; ++i) {
#pragma unroll
    for (int j = 0; j < F::kInputs; ++j) {
      *at = out[i][j];
      at += matrix;
    }
  }
}

template <class F>
void launch_transform_filters(Stream& stream, const char* name, const float* w, float* u,
                              const Convolution& g, int padded_c, int padded_k) {
  const unsigned column_blocks = blocks_for(padded_k, kFilterColumns);
  launch(stream, name,
         {.grid = {column_blocks * blocks_for(padded_c, kFilterRows), 1, 1},
          .block = {kFilterColumns, kFilterRows, 1}},
         transform_filters<F>, w, u, g, padded_c, padded_k, static_cast<int>(column_blocks));
}

}  // namespace voluta::winograd
