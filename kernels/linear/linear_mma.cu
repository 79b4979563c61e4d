// linear and its gradients, algorithms "mma" (bf16, f16) and "mma_tf32" (f32 data, tf32 products):
// a matrix product on the tensor cores of sm_80 and later; the three ops differ in which way the
// operands lie.
//   y[n,m]  = activate(sum_f x[n,f] * w[m,f] + b[m])     A = x   [N,F]   B = w^T [F,M]
//   dx[n,f] = sum_m dy[n,m] * w[m,f]                     A = dy  [N,M]   B = w   [M,F]
//   dw[m,f] = sum_n dy[n,m] * x[n,f]                     A = dy^T[M,N]   B = x   [N,F]
//   grid, maps, smem: kernels/common/mma_product.cuh
//   regs   the most of the three ops, of 128x128, 128x64, 64x64 tiles; by elements 181; no spills
//          16 bits 243, 129, 84 (sm_80)   239, 142, 98 (sm_90a)
//          tf32    240, 142, 95 (sm_80)   243, 150, 100 (sm_90a)
//   limits fewer than 2^31 elements a tensor. Where the rows of both operands come in whole chunks
//          (8, tf32: 4) copies are 16 bytes, else element by element. A long reduction is not split.
//   measured never run on hardware

#include <voluta/kernels/common/mma_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/linear/linear_engines.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/epilogue.cuh>
#include <voluta/kernels/common/mma_product.cuh>

#include <string>

namespace voluta::linear {
namespace {

using mma_product::half_engine;
using mma_product::tf32_engine;

// out[rows, columns]. An operand lies with its depth fastest, [lines, depth], or [depth, lines]. Only the
// forward pass has an epilogue.
template <class T, bool kForward, bool kDepthFastestA, bool kDepthFastestB>
struct LinearView {
  using Element = T;
  using Out = T;

  const T *a, *b;
  T* out;
  Epilogue<T> epilogue;  // bias and f
  int rows, columns, depth;
  int column_tiles;
  bool vector_store;

  struct Place {
    int first_row, rows, first_column, columns, depth_begin, depth_end;
  };
  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    return {block / column_tiles * kRows, rows, block % column_tiles * kColumns, columns, 0, depth};
  }

  using Depth = int;
  __device__ Depth decode(const Place&, int index) const { return index; }

  struct A {
    static constexpr bool kDepthFastest = kDepthFastestA;
    using Line = int;
    __device__ static const T* data(const LinearView& view, const Place&) { return view.a; }
    __device__ static Line line(const LinearView&, const Place&, int row) { return row; }
    __device__ static int offset(const LinearView& view, const Place&, int row, int depth) {
      return kDepthFastest ? row * view.depth + depth : depth * view.rows + row;
    }
  };
  struct B {
    static constexpr bool kDepthFastest = kDepthFastestB;
    using Line = int;
    __device__ static const T* data(const LinearView& view, const Place&) { return view.b; }
    __device__ static Line line(const LinearView&, const Place&, int column) { return column; }
    __device__ static int offset(const LinearView& view, const Place&, int column, int depth) {
      return kDepthFastest ? column * view.depth + depth : depth * view.columns + column;
    }
  };

  __device__ int epilogue_channel(const Place&, int column) const requires(kForward) {
    return column;
  }
  __device__ T* output(const Place&, int row) const { return out + row * columns; }
};

// Extents of a product.
struct Product {
  int64_t rows, columns, depth;
};

template <class T, bool kForward, bool kDepthFastestA, bool kDepthFastestB>
void multiply(Stream& stream, const char* name, const Product& product, const T* a, const T* b,
              const Epilogue<T>& epilogue, T* out) {
  auto whole = [](int64_t extent) { return extent % mma_product::kChunk<T> == 0; };
  const bool vector = whole(kDepthFastestA ? product.depth : product.rows) &&
                      whole(kDepthFastestB ? product.depth : product.columns) && aligned16(a, b);
  const TileSize tile = mma_product::choose_tile(product.rows, product.columns, 1, vector, false);
  const int64_t column_tiles = blocks_for(product.columns, tile.columns);
  const LinearView<T, kForward, kDepthFastestA, kDepthFastestB> view = {
      .a = a,
      .b = b,
      .out = out,
      .epilogue = epilogue,
      .rows = static_cast<int>(product.rows),
      .columns = static_cast<int>(product.columns),
      .depth = static_cast<int>(product.depth),
      .column_tiles = static_cast<int>(column_tiles),
      .vector_store = whole(product.columns) && aligned16(out)};
  mma_product::launch_product(stream, name, view, tile, vector,
                              column_tiles * blocks_for(product.rows, tile.rows));
}

Support within_limits(const Problem& problem) {
  // Tiles, rounded up, reach past the end.
  constexpr int64_t kElements = int64_t{1} << 31, kExtent = kElements - (int64_t{1} << 16);
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      const int64_t elements = type.shape.elements();
      if (elements == 0) return Support::no("an empty tensor");
      if (elements >= kElements) return Support::no("a tensor of 2^31 elements or more");
      for (const int64_t extent : type.shape.extents()) {
        if (extent >= kExtent) return Support::no("an extent of nearly 2^31");
      }
    }
  }
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const bool bias = has_bias(problem);
  const ActivationKind f = problem.options_as<LinearOptions>().activation;
  return dispatch_elements(problem, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream& stream) {
      const Epilogue<T> epilogue = {.plain = !bias && f == ActivationKind::kNone,
                                    .bias = bias ? args.in<T>(2) : nullptr,
                                    .f = FusedActivation(f)};
      multiply<T, true, true, true>(stream, "linear_mma", {e.n, e.m, e.f}, args.in<T>(0),
                                    args.in<T>(1), epilogue, args.out<T>(0));
    }};
  });
}

Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  return dispatch_elements(problem, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream& stream) {
      multiply<T, false, true, false>(stream, "linear_input_gradient_mma", {e.n, e.f, e.m},
                                      args.in<T>(0), args.in<T>(1), {}, args.out<T>(0));
    }};
  });
}

Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  return dispatch_elements(problem, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream& stream) {
      multiply<T, false, false, false>(stream, "linear_weight_gradient_mma", {e.m, e.f, e.n},
                                       args.in<T>(1), args.in<T>(0), {}, args.out<T>(0));
    }};
  });
}

}  // namespace

const Engine kMma = half_engine<within_limits>("mma", prepare);
const Engine kInputGradientMma = half_engine<within_limits>("mma", prepare_input_gradient);
const Engine kWeightGradientMma = half_engine<within_limits>("mma", prepare_weight_gradient);
const Engine kMmaTf32 = tf32_engine<within_limits>("mma_tf32", prepare);
const Engine kInputGradientMmaTf32 = tf32_engine<within_limits>("mma_tf32", prepare_input_gradient);
const Engine kWeightGradientMmaTf32 =
    tf32_engine<within_limits>("mma_tf32", prepare_weight_gradient);

}  // namespace voluta::linear
