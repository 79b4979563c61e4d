// cast, algorithm "multi_tensor": a launch casts up to 48 tensors of any sizes, e.g. all weights of a network.
//   y[i] = x[i], rounded to nearest even
//   grid   chunks of 4096 elements (common/multi_tensor.cuh)    block 256    smem 0
//   regs   at most 38 (sm_80, sm_90a); f32 to f32, which no network asks for, spills 12 bytes
//   maps   thread t of a chunk: elements 8t .. 8t + 7, 2048 + 8t .. as one access of the shorter type, where
//          both addresses are multiples of 16 bytes; else, and of the last elements % 8, t, t + 256, ...
//   limits f32, bf16, f16
//   bound  memory: 6 bytes an element between f32 and 16 bits
//   measured never run on hardware

#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/multi_tensor.cuh>

namespace voluta {
namespace {

template <class X, class Y>
struct CastAt {
  const X* x;
  Y* y;
};

template <class X, class Y>
__global__ void __launch_bounds__(kTensorBlock)
    cast_tensors(const __grid_constant__ TensorTable<CastAt<X, Y>> table) {
  const int chunk = static_cast<int>(blockIdx.x), tensor = table.tensor_of(chunk);
  const int64_t first = int64_t{chunk - table.first_chunk[tensor]} * kTensorChunk;
  const int count =
      static_cast<int>(std::min(int64_t{kTensorChunk}, table.elements[tensor] - first));
  const X* const x = table.at[tensor].x + first;
  Y* const y = table.at[tensor].y + first;
  map_elements_by(
      Share<int>{static_cast<int>(threadIdx.x), kTensorBlock}, count, aligned16(x, y),
      [](float v) { return v; }, y, x);
}

template <class X, class Y>
Execution prepare_as(const Problem& problem) {
  using At = CastAt<X, Y>;
  return {.run = [launches = TensorLaunches<At>(problem.inputs)](const Args& args, Stream& stream) {
    launches.for_each(
        [&](std::size_t i) {
          return At{args.in<X>(i), args.out<Y>(i)};
        },
        [&](const TensorTable<At>& table) {
          launch(stream, "cast_tensors",
                 {.grid = {static_cast<unsigned>(table.chunks()), 1, 1},
                  .block = {kTensorBlock, 1, 1}},
                 cast_tensors<X, Y>, table);
        });
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem.inputs[0].dtype, [&]<class X>() {
    return dispatch_elements(problem.outputs[0].dtype,
                             [&]<class Y>() { return prepare_as<X, Y>(problem); });
  });
}

}  // namespace

const Engine kCastMultiTensor{"multi_tensor", DeviceType::kCuda, EngineRole::kProduct,
                              supports_nonempty, prepare};

}  // namespace voluta
