// tensor_norms, algorithm "two_pass_reduction": each chunk of each tensor to one sum of squares, then
// the sums of a tensor to its norm, both in an order that depends on the sizes alone.
//   norms[i] = sqrt(sum_e x_i[e]^2)
//   grid   1: chunks of 4096 elements (common/multi_tensor.cuh); 2: a block a tensor    block 256
//   smem   32 B     workspace 4 B a chunk     regs 31 (sm_90a)
//   limits f32
//   bound  memory: 4 bytes an element
//   measured never run on hardware
//
// clip_factor, algorithm "one_warp": norms to the factor, a warp striding over them.
//   grid   1     block 32     smem 4 B     regs 42 (sm_90a)
//   measured never run on hardware
//
// loss_scale_update, algorithm "one_thread".
//   grid   1     block 1      smem 0       regs 16 (sm_90a)
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/gradient_norm/gradient_norm_engines.h>
#include <voluta/kernels/common/multi_tensor.cuh>
#include <voluta/kernels/common/reduction.cuh>

namespace voluta {
namespace {

using Table = TensorTable<const float*>;
constexpr unsigned kWarps = kTensorBlock / 32;

__global__ void __launch_bounds__(kTensorBlock)
    sum_squares(const __grid_constant__ Table table, float* parts) {
  VOLUTA_SHARED(float[kWarps], scratch);
  const int chunk = static_cast<int>(blockIdx.x);
  const int tensor = table.tensor_of(chunk);
  const int64_t first = int64_t{chunk - table.first_chunk[tensor]} * kTensorChunk;
  const int64_t end = std::min(first + kTensorChunk, table.elements[tensor]);
  float sum = 0;
#pragma unroll 4
  for (int64_t e = first + threadIdx.x; e < end; e += kTensorBlock) {
    sum = fmaf(table.at[tensor][e], table.at[tensor][e], sum);
  }
  sum = block_sum_by_warps(sum, scratch);
  if (threadIdx.x == 0) parts[table.chunks_before + chunk] = sum;
}

__global__ void __launch_bounds__(kTensorBlock)
    join_squares(const __grid_constant__ Table table, const float* parts, float* norms) {
  VOLUTA_SHARED(float[kWarps], scratch);
  const int tensor = static_cast<int>(blockIdx.x);
  const float* of_launch = parts + table.chunks_before;
  float sum = 0;
  for (int chunk = table.first_chunk[tensor] + static_cast<int>(threadIdx.x);
       chunk < table.first_chunk[tensor + 1]; chunk += kTensorBlock) {
    sum += of_launch[chunk];
  }
  sum = block_sum_by_warps(sum, scratch);
  if (threadIdx.x == 0) norms[table.tensors_before + tensor] = sqrtf(sum);
}

Execution prepare_norms(const Problem& problem) {
  const TensorLaunches<const float*> launches{std::span<const TensorType>(problem.inputs)};
  const std::size_t bytes = static_cast<std::size_t>(launches.chunks()) * sizeof(float);
  return {.workspace_bytes = bytes, .run = [=](const Args& args, Stream& stream) {
            auto* parts = static_cast<float*>(args.workspace);
            launches.for_each([&](std::size_t i) { return args.in<float>(i); },
                              [&](const Table& table) {
                                const auto chunks = static_cast<unsigned>(table.chunks());
                                const auto tensors = static_cast<unsigned>(table.tensors);
                                launch(stream, "sum_squares",
                                       {.grid = {chunks, 1, 1}, .block = {kTensorBlock, 1, 1}},
                                       sum_squares, table, parts);
                                launch(stream, "join_squares",
                                       {.grid = {tensors, 1, 1}, .block = {kTensorBlock, 1, 1}},
                                       join_squares, table, static_cast<const float*>(parts),
                                       args.out<float>(0));
                              });
          }};
}

__global__ void __launch_bounds__(32)
    clip_factor_one_warp(const float* norms, int count, const float* scale, float max_norm,
                         float* factor, float* norm) {
  VOLUTA_SHARED(float[1], scratch);
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) {
    sum = fmaf(norms[i], norms[i], sum);
  }
  const float all = sqrtf(block_sum_by_warps(sum, scratch));
  if (threadIdx.x != 0) return;
  const float s = scale == nullptr ? 1.0f : *scale;
  *factor = clip_factor(all / s, max_norm, s);
  *norm = all / s;
}

Execution prepare_factor(const Problem& problem) {
  const ClipFactorOptions options = problem.options_as<ClipFactorOptions>();
  const auto max_norm = static_cast<float>(options.max_norm);
  const auto count = static_cast<int>(problem.inputs[0].shape.elements());
  return {.run = [=](const Args& args, Stream& stream) {
    launch(stream, "clip_factor_one_warp", {.grid = {1, 1, 1}, .block = {32, 1, 1}},
           clip_factor_one_warp, args.in<float>(0), count,
           options.scaled ? args.in<float>(1) : nullptr, max_norm, args.out<float>(0),
           args.out<float>(1));
  }};
}

__global__ void loss_scale_update_one_thread(const float* norm, const float* scale,
                                             const int64_t* steps, const int64_t* updates,
                                             float growth, float backoff, int64_t interval,
                                             float* new_scale, int64_t* new_steps,
                                             int64_t* new_updates) {
  const LossScale<float> next =
      next_loss_scale<float>({*scale, *steps, *updates}, *norm, growth, backoff, interval);
  *new_scale = next.scale;
  *new_steps = next.steps;
  *new_updates = next.updates;
}

Execution prepare_loss_scale(const Problem& problem) {
  const LossScaleOptions options = problem.options_as<LossScaleOptions>();
  return {.run = [options](const Args& args, Stream& stream) {
    launch(stream, "loss_scale_update_one_thread", {.grid = {1, 1, 1}, .block = {1, 1, 1}},
           loss_scale_update_one_thread, args.in<float>(0), args.in<float>(1), args.in<int64_t>(2),
           args.in<int64_t>(3), static_cast<float>(options.growth),
           static_cast<float>(options.backoff), options.interval, args.out<float>(0),
           args.out<int64_t>(1), args.out<int64_t>(2));
  }};
}

}  // namespace

const Engine kTensorNormsTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                          EngineRole::kProduct, supports_f32_int32, prepare_norms};
const Engine kClipFactorOneWarp{"one_warp", DeviceType::kCuda, EngineRole::kProduct,
                                supports_f32_int32, prepare_factor};
const Engine kLossScaleUpdateOneThread{"one_thread", DeviceType::kCuda, EngineRole::kProduct,
                                       supports_f32_int32, prepare_loss_scale};

}  // namespace voluta
