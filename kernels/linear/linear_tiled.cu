// linear and its gradients, algorithm "tiled": one f32 matrix product on square tiles that pass
// through shared memory (gemm_tile.cuh); the three ops differ in which way the operands lie.
//   y[n,m]  = activate(sum_f x[n,f] * w[m,f] + b[m])     A = x   [N,F]   B = w^T [F,M]
//   dx[n,f] = sum_m dy[n,m] * w[m,f]                     A = dy  [N,M]   B = w   [M,F]
//   dw[m,f] = sum_n dy[n,m] * x[n,f]                     A = dy^T[M,N]   B = x   [N,F]
//   grid   tiles of C, row-major in one axis     block 256     R = 2, 4, 8: tiles of 32, 64, 128
//   smem   4.5, 8.5, 16.5 KiB (R = 2, 4, 8)     regs 63, 64, 159 (sm_90a)
//   maps   block b -> tile row b / (tiles along j), tile column b % (tiles along j);
//          a thread's R x R results: see gemm_tile.cuh
//   limits f32; extents below 2^31. A long reduction is not split: the order of additions is k's.
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/linear/linear_engines.h>
#include <voluta/kernels/common/fused_activation.cuh>
#include <voluta/kernels/linear/gemm_tile.cuh>

namespace voluta::linear {
namespace {

struct Epilogue {
  const float* bias;  // [J], or nullptr
  FusedActivation f;
};

// Blocks that share a multiprocessor: what the registers of R x R accumulators leave room for.
template <int R>
constexpr int kBlocksPerMultiprocessor = R == 8 ? 1 : 4;

template <int R, bool kContiguousKOfA, bool kContiguousKOfB>
__global__ void __launch_bounds__(kThreads, kBlocksPerMultiprocessor<R>)
    linear_tiled(Operand a, Operand b, int64_t k_extent, float* c /* [I,J] */, Epilogue epilogue) {
  using LoaderA = SliceLoader<R, kContiguousKOfA>;
  using LoaderB = SliceLoader<R, kContiguousKOfB>;
  VOLUTA_SHARED(typename LoaderA::Slice[2], a_slices);
  VOLUTA_SHARED(typename LoaderB::Slice[2], b_slices);

  const int64_t extent_i = a.outer_extent, extent_j = b.outer_extent;
  const int64_t tiles_j = (extent_j + LoaderB::kTile - 1) / LoaderB::kTile;
  const int64_t i_begin = blockIdx.x / tiles_j * LoaderA::kTile;
  const int64_t j_begin = blockIdx.x % tiles_j * LoaderB::kTile;
  const int thread = static_cast<int>(threadIdx.x), ty = thread / kSide, tx = thread % kSide;

  LoaderA load_a(thread);
  LoaderB load_b(thread);
  load_a.fetch(a, i_begin, 0, k_extent);
  load_b.fetch(b, j_begin, 0, k_extent);
  load_a.store(a_slices[0]);
  load_b.store(b_slices[0]);
  __syncthreads();

  float acc[R][R] = {};
  int buffer = 0;
  for (int64_t k = 0; k < k_extent; k += kDepth) {
    const bool more = k + kDepth < k_extent;
    if (more) {
      load_a.fetch(a, i_begin, k + kDepth, k_extent);
      load_b.fetch(b, j_begin, k + kDepth, k_extent);
    }
    multiply_slice<R>(a_slices[buffer], b_slices[buffer], ty, tx, acc);
    buffer ^= 1;
    if (more) {
      load_a.store(a_slices[buffer]);
      load_b.store(b_slices[buffer]);
    }
    __syncthreads();
  }

#pragma unroll
  for (int r = 0; r < R; ++r) {
    const int64_t i = i_begin + owned<R>(ty, r);
#pragma unroll
    for (int s = 0; s < R; ++s) {
      const int64_t j = j_begin + owned<R>(tx, s);
      if (i >= extent_i || j >= extent_j) continue;
      const float sum = epilogue.bias == nullptr ? acc[r][s] : acc[r][s] + epilogue.bias[j];
      c[i * extent_j + j] = epilogue.f(sum);
    }
  }
}

int64_t tiles(int64_t i, int64_t j, int64_t side) {
  return ((i + side - 1) / side) * ((j + side - 1) / side);
}

// Accumulators a thread holds along a side: the largest tile that still gives every multiprocessor
// of a large GPU a block, since an idle one costs more than a smaller tile's extra traffic.
int choose_r(int64_t i, int64_t j) {
  constexpr int64_t kMultiprocessors = 128;
  if (tiles(i, j, kSide * 8) >= kMultiprocessors) return 8;
  return tiles(i, j, kSide * 4) >= kMultiprocessors ? 4 : 2;
}

template <bool kContiguousKOfA, bool kContiguousKOfB>
void multiply(Stream& stream, const char* name, const Operand& a, const Operand& b,
              int64_t k_extent, float* c, const Epilogue& epilogue) {
  auto launch_tile = [&]<int R>() {
    const auto blocks = static_cast<unsigned>(tiles(a.outer_extent, b.outer_extent, kSide * R));
    launch(stream, name, {.grid = {blocks, 1, 1}, .block = {kThreads, 1, 1}},
           linear_tiled<R, kContiguousKOfA, kContiguousKOfB>, a, b, k_extent, c, epilogue);
  };
  switch (choose_r(a.outer_extent, b.outer_extent)) {
    case 8:
      return launch_tile.template operator()<8>();
    case 4:
      return launch_tile.template operator()<4>();
    default:
      return launch_tile.template operator()<2>();
  }
}

Support supports(const Problem& problem) {
  constexpr int64_t kMaxExtent = int64_t{1} << 31;
  for (const TensorType& type : problem.inputs) {
    for (int64_t extent : type.shape.extents()) {
      if (extent >= kMaxExtent) return Support::no("an extent of 2^31 or more");
    }
  }
  const Shape& c = problem.outputs[0].shape;
  if (tiles(c[0], c[1], kSide * choose_r(c[0], c[1])) >= kMaxExtent) {
    return Support::no("more than 2^31 tiles");
  }
  return supports_nonempty_f32(problem);
}

Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const bool bias = has_bias(problem);
  const FusedActivation f(problem.options_as<LinearOptions>().activation);
  return {.run = [=](const Args& args, Stream& stream) {
    const Operand x{args.in<float>(0), e.f, 1, e.n}, w{args.in<float>(1), e.f, 1, e.m};
    const Epilogue epilogue{bias ? args.in<float>(2) : nullptr, f};
    multiply<true, true>(stream, "linear_tiled", x, w, e.f, args.out<float>(0), epilogue);
  }};
}

Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  return {.run = [=](const Args& args, Stream& stream) {
    const Operand dy{args.in<float>(0), e.m, 1, e.n}, w{args.in<float>(1), 1, e.f, e.f};
    multiply<true, false>(stream, "linear_input_gradient_tiled", dy, w, e.m, args.out<float>(0),
                          {nullptr, {}});
  }};
}

Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  return {.run = [=](const Args& args, Stream& stream) {
    const Operand x{args.in<float>(0), 1, e.f, e.f}, dy{args.in<float>(1), 1, e.m, e.m};
    multiply<false, false>(stream, "linear_weight_gradient_tiled", dy, x, e.n, args.out<float>(0),
                           {nullptr, {}});
  }};
}

}  // namespace

const Engine kTiled{"tiled", DeviceType::kCuda, EngineRole::kProduct, supports, prepare};
const Engine kInputGradientTiled{"tiled", DeviceType::kCuda, EngineRole::kProduct, supports,
                                 prepare_input_gradient};
const Engine kWeightGradientTiled{"tiled", DeviceType::kCuda, EngineRole::kProduct, supports,
                                  prepare_weight_gradient};

}  // namespace voluta::linear
