// softmax, algorithm "online": one pass over the row finds maximum and sum (online_softmax.cuh), a
// second writes; the row comes from the cache then. Its gradient, algorithm "row_sum", likewise.
//   y[n,k]  = exp(x[n,k] - m_n) / s_n
//   dx[n,k] = y[n,k] * (dy[n,k] - sum_j y[n,j] dy[n,j])
//   grid   K <= 1024: 8 rows a block, a warp each; else a block a row     block 256
//   smem   none, or 64 B (block a row)     regs 31 (sm_90a)
//   maps   lane l of a row's T threads: elements l, l + T, l + 2T, ... in both passes, so that an
//          output may take the place of an input
//   limits f32, N < 2^31
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/softmax/softmax_engines.h>
#include <voluta/kernels/common/online_softmax.cuh>

namespace voluta::softmax {
namespace {

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_online(const float* x /* [N,K] */, float* y /* [N,K] */, int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float* x_row = x + my.row * k;

  OnlineSum own;
  for (int64_t j = my.lane; j < k; j += kThreads) own.add(x_row[j]);
  const OnlineSum total = row_online_sum<kThreads>(own, scratch);

  float* y_row = y + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    y_row[j] = expf(x_row[j] - total.maximum) / total.sum;
  }
}

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_gradient_row_sum(const float* y /* [N,K] */, const float* dy /* [N,K] */,
                             float* dx /* [N,K] */, int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float *y_row = y + my.row * k, *dy_row = dy + my.row * k;

  float own = 0.0f;
  for (int64_t j = my.lane; j < k; j += kThreads) own = fmaf(y_row[j], dy_row[j], own);
  const float total = row_sum<kThreads>(own, scratch);

  float* dx_row = dx + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) dx_row[j] = y_row[j] * (dy_row[j] - total);
}

Support supports(const Problem& problem) {
  if (problem.inputs[0].shape[0] >= int64_t{1} << 31) return Support::no("2^31 rows or more");
  return supports_nonempty_f32(problem);
}

Execution prepare(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream& stream) {
    launch_rows(n, k, [&]<int kThreads>(const LaunchShape& shape) {
      launch(stream, "softmax_online", shape, softmax_online<kThreads>, args.in<float>(0),
             args.out<float>(0), n, k);
    });
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream& stream) {
    launch_rows(n, k, [&]<int kThreads>(const LaunchShape& shape) {
      launch(stream, "softmax_gradient_row_sum", shape, softmax_gradient_row_sum<kThreads>,
             args.in<float>(0), args.in<float>(1), args.out<float>(0), n, k);
    });
  }};
}

}  // namespace

const Engine kOnline{"online", DeviceType::kCuda, EngineRole::kProduct, supports, prepare};
const Engine kGradientRowSum{"row_sum", DeviceType::kCuda, EngineRole::kProduct, supports,
                             prepare_gradient};

}  // namespace voluta::softmax
