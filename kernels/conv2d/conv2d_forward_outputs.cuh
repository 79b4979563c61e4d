#pragma once

// Where a forward convolution's outputs go, as kernels/common/product_view.cuh asks for it: with the
// epilogue, and with the moments of every 128 pixels where they are asked for. Or where the sums of parts
// of the depth go.

#include <voluta/kernels/common/column_moments.cuh>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>

namespace voluta::implicit_gemm {

template <class T>
struct ForwardOutputs {
  using Out = T;
  using Place = Tile;

  T* y;  // [N*P*Q, K]
  Epilogue<T> epilogue;
  float* moments;  // nullptr: not asked for
  bool vector_store;
  Conv2dKernelGeometry g;

  void bind(const Args& args, const EpilogueBinder& binder) {
    y = args.out<T>(0);
    epilogue = binder.bind<T>(args);
    moments = binder.moments(args);
    vector_store = whole_chunks<T>(g.group_k) && aligned16(y, epilogue.residual);
  }

  __device__ int epilogue_channel(const Place& place, int column) const {
    return place.group * g.group_k + column;
  }
  __device__ T* output(const Place& place, int row) const { return y + offset(place, row); }
  __device__ const T* residual(const Place& place, int row) const {
    return epilogue.residual == nullptr ? nullptr : epilogue.residual + offset(place, row);
  }

  __device__ MomentTarget moment_target(const Place& place) const {
    const int k = place.group * g.group_k + place.first_column;
    const int part = place.first_row / static_cast<int>(kMomentRows);
    return {.out = moments + int64_t{2} * part * g.k + k,
            .stride = g.k,
            .columns = place.columns - place.first_column,
            .rows = min(static_cast<int>(kMomentRows), place.rows - place.first_row)};
  }

 private:
  __device__ int offset(const Place& place, int row) const {
    return row * g.k + place.group * g.group_k;
  }
};

// Sums in f32, laid out as y, for the second kernel of conv2d_split_k.cuh.
struct ForwardParts {
  using Out = float;
  using Place = Tile;

  float* parts;      // [splits, N*P*Q, K]
  int64_t elements;  // of a part
  bool vector_store;
  Conv2dKernelGeometry g;

  __device__ float* output(const Place& place, int row) const {
    return parts + place.split * elements + row * g.k + place.group * g.group_k;
  }
};

}  // namespace voluta::implicit_gemm
