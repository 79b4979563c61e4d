// flatten and unflatten, algorithm "tiled_transpose": pixels by channels become channels by pixels, a
// tile at a time.
//   y[n, column, row] = x[n, row, column]     flatten: rows H*W, columns C; unflatten: the reverse
//   grid, maps, smem: kernels/common/tiled_transpose.cuh     regs 30 (sm_90a)
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/flatten/flatten_engines.h>
#include <voluta/kernels/common/tiled_transpose.cuh>

namespace voluta {
namespace {

template <class Bits>
Execution prepare_as(const Problem& problem) {
  const auto [batch, rows, columns] = transpose_extents(problem);
  const Transposition transposition = {.matrices = batch,
                                       .rows = static_cast<int>(rows),
                                       .columns = static_cast<int>(columns),
                                       .from = {rows * columns, columns},
                                       .to = {rows * columns, rows}};
  return {.run = [transposition](const Args& args, Stream& stream) {
    launch_transpose(stream, "tiled_transpose", args.in<Bits>(0), args.out<Bits>(0), transposition);
  }};
}

Execution prepare(const Problem& problem) {
  const bool half = size_of(problem.inputs[0].dtype) == 2;
  return half ? prepare_as<uint16_t>(problem) : prepare_as<uint32_t>(problem);
}

}  // namespace

const Engine kFlattenTiledTranspose{"tiled_transpose", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_int32, prepare};
const Engine kUnflattenTiledTranspose{"tiled_transpose", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_int32, prepare};

}  // namespace voluta
