// softmax, algorithm "online": one pass over the row finds maximum and sum (online_softmax.cuh), a
// second writes; the row comes from the cache then. Its gradient, algorithm "row_sum", likewise.
//   y[n,k]  = exp(x[n,k] - m_n) / s_n
//   dx[n,k] = y[n,k] * (dy[n,k] - sum_j y[n,j] dy[n,j])
//   grid   K <= 1024: 8 rows a block, a warp each; else a block a row     block 256
//   smem   none, or 64 B (block a row)     regs 31 (sm_90a)
//   maps   lane l of a row's T threads: elements l, l + T, l + 2T, ... in both passes, so that an
//          output may take the place of an input
//   limits f32, bf16, f16; N < 2^31
//   measured never run on hardware

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/softmax/softmax_engines.h>
#include <voluta/kernels/common/online_softmax.cuh>

namespace voluta::softmax {
namespace {

template <int kThreads, class T>
__global__ void __launch_bounds__(kRowBlock)
    softmax_online(const T* x /* [N,K] */, T* y /* [N,K] */, int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const T* x_row = x + my.row * k;

  OnlineSum own;
  for (int64_t j = my.lane; j < k; j += kThreads) own.add(to_float(x_row[j]));
  const OnlineSum total = row_online_sum<kThreads>(own, scratch);

  T* y_row = y + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    y_row[j] = from_float<T>(expf(to_float(x_row[j]) - total.maximum) / total.sum);
  }
}

template <int kThreads, class T>
__global__ void __launch_bounds__(kRowBlock)
    softmax_gradient_row_sum(const T* y /* [N,K] */, const T* dy /* [N,K] */, T* dx /* [N,K] */,
                             int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const T *y_row = y + my.row * k, *dy_row = dy + my.row * k;

  float own = 0.0f;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    own = fmaf(to_float(y_row[j]), to_float(dy_row[j]), own);
  }
  const float total = row_sum<kThreads>(own, scratch);

  T* dx_row = dx + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    dx_row[j] = from_float<T>(to_float(y_row[j]) * (to_float(dy_row[j]) - total));
  }
}

Support supports(const Problem& problem) {
  if (problem.inputs[0].shape[0] >= int64_t{1} << 31) return Support::no("2^31 rows or more");
  return supports_nonempty(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream& stream) {
    launch_rows(n, k, [&]<int kThreads>(const LaunchShape& shape) {
      launch(stream, "softmax_online", shape, softmax_online<kThreads, T>, args.in<T>(0),
             args.out<T>(0), n, k);
    });
  }};
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream& stream) {
    launch_rows(n, k, [&]<int kThreads>(const LaunchShape& shape) {
      launch(stream, "softmax_gradient_row_sum", shape, softmax_gradient_row_sum<kThreads, T>,
             args.in<T>(0), args.in<T>(1), args.out<T>(0), n, k);
    });
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kOnline{"online", DeviceType::kCuda, EngineRole::kProduct, supports, prepare};
const Engine kGradientRowSum{"row_sum", DeviceType::kCuda, EngineRole::kProduct, supports,
                             prepare_gradient};

}  // namespace voluta::softmax
