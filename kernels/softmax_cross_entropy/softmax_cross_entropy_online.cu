// softmax_cross_entropy, algorithm "online": one pass over a row finds maximum and sum of
// exponentials (online_softmax.cuh). Forward, a second kernel adds up the rows' losses in a fixed
// order; backward, a second pass over the row, which is in the cache then, writes the gradient.
//   l[n]    = T_n log s_n + sum_k t[n,k] (m_n - x[n,k]),   loss = mean l
//   dx[n,k] = dloss / N * (T_n exp(x[n,k] - m_n) / s_n - t[n,k])
// For labels T_n = 1, and the sum is (1 - e) (m_n - x[n,label]) + e/K sum_k (m_n - x[n,k]); soft
// targets are read in a pass of their own, T_n and the sum at once.
//   grid   K <= 1024: 8 rows a block, a warp each; else a block a row; the mean: one block
//   block  256     smem 64 B for a block a row, the mean 2 KiB     regs 32 (sm_90a)
//   maps   lane l of a row's T threads: elements l, l + T, l + 2T, ... in both passes;
//          thread t of the mean: rows t, t + 256, ..., then a tree over the threads, in double
//   limits f32, N < 2^31
//   measured none: no GPU yet

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy_engines.h>
#include <voluta/kernels/common/online_softmax.cuh>

namespace voluta::cross_entropy {
namespace {

struct Targets {
  const int64_t* labels;  // [N]
  float on_label;         // 1 - e: what the label's class gets on top of
  float on_each;          // e / K
};

template <int kThreads>
__device__ OnlineSum row_statistics(const float* x_row, int64_t k, int lane, RowScratch& scratch) {
  OnlineSum own;
  for (int64_t j = lane; j < k; j += kThreads) own.add(x_row[j]);
  return row_online_sum<kThreads>(own, scratch);
}

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_cross_entropy_rows(const float* x /* [N,K] */, Targets targets, float* losses /* [N] */,
                               int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float* x_row = x + my.row * k;
  const OnlineSum total = row_statistics<kThreads>(x_row, k, my.lane, scratch);

  float distances = 0.0f;  // sum_k (m - x[k])
  if (targets.on_each != 0.0f) {
    for (int64_t j = my.lane; j < k; j += kThreads) distances += total.maximum - x_row[j];
    distances = row_sum<kThreads>(distances, scratch);
  }
  if (my.lane != 0) return;
  const int64_t label = targets.labels[my.row];
  const bool is_class = label >= 0 && label < k;
  const float distance = is_class ? total.maximum - x_row[label] : nanf("");
  float loss = logf(total.sum) + targets.on_label * distance;
  if (targets.on_each != 0.0f) loss += targets.on_each * distances;
  losses[my.row] = loss;
}

__global__ void __launch_bounds__(kRowBlock)
    softmax_cross_entropy_mean(const float* losses /* [N] */, float* loss /* [] */, int64_t n) {
  VOLUTA_SHARED(double[kRowBlock], sums);
  double own = 0;
  for (int64_t i = threadIdx.x; i < n; i += kRowBlock) own += losses[i];
  sums[threadIdx.x] = own;
  for (unsigned half = kRowBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) *loss = static_cast<float>(sums[0] / static_cast<double>(n));
}

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_cross_entropy_gradient_online(const float* x /* [N,K] */, Targets targets,
                                          const float* dloss /* [] */, float* dx /* [N,K] */,
                                          int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float* x_row = x + my.row * k;
  const OnlineSum total = row_statistics<kThreads>(x_row, k, my.lane, scratch);

  const int64_t label = targets.labels[my.row];
  const bool is_class = label >= 0 && label < k;
  const float scale = is_class ? *dloss / static_cast<float>(n) : nanf("");
  float* dx_row = dx + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    const float probability = expf(x_row[j] - total.maximum) / total.sum;
    const float target = targets.on_each + (j == label ? targets.on_label : 0.0f);
    dx_row[j] = scale * (probability - target);
  }
}

struct SoftTargets {
  const float* q;  // [N,K]
  float on_given;  // 1 - e
  float on_each;   // e / K

  __device__ float at(int64_t i) const { return on_given * q[i] + on_each; }
};

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_cross_entropy_soft_rows(const float* x /* [N,K] */, SoftTargets targets,
                                    float* losses /* [N] */, int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float* x_row = x + my.row * k;
  const OnlineSum total = row_statistics<kThreads>(x_row, k, my.lane, scratch);

  float weight = 0.0f, distances = 0.0f;  // T, sum_k t[k] (m - x[k])
  for (int64_t j = my.lane; j < k; j += kThreads) {
    const float target = targets.at(my.row * k + j);
    weight += target;
    distances += target * (total.maximum - x_row[j]);
  }
  weight = row_sum<kThreads>(weight, scratch);
  distances = row_sum<kThreads>(distances, scratch);
  if (my.lane == 0) losses[my.row] = weight * logf(total.sum) + distances;
}

template <int kThreads>
__global__ void __launch_bounds__(kRowBlock)
    softmax_cross_entropy_gradient_soft(const float* x /* [N,K] */, SoftTargets targets,
                                        const float* dloss /* [] */, float* dx /* [N,K] */,
                                        int64_t n, int64_t k) {
  VOLUTA_SHARED(RowScratch, scratch);
  const RowThread<kThreads> my;
  if (my.row >= n) return;  // a warp as one, or nobody
  const float* x_row = x + my.row * k;
  const OnlineSum total = row_statistics<kThreads>(x_row, k, my.lane, scratch);
  float weight = 0.0f;
  for (int64_t j = my.lane; j < k; j += kThreads) weight += targets.at(my.row * k + j);
  weight = row_sum<kThreads>(weight, scratch);

  const float scale = *dloss / static_cast<float>(n);
  float* dx_row = dx + my.row * k;
  for (int64_t j = my.lane; j < k; j += kThreads) {
    const float probability = expf(x_row[j] - total.maximum) / total.sum;
    dx_row[j] = scale * (weight * probability - targets.at(my.row * k + j));
  }
}

Targets targets_of(const Setup& s, const int64_t* labels) {
  return {labels, static_cast<float>(1 - s.smoothing),
          static_cast<float>(s.smoothing / static_cast<double>(s.k))};
}

SoftTargets soft_targets_of(const Setup& s, const float* q) {
  return {q, static_cast<float>(1 - s.smoothing),
          static_cast<float>(s.smoothing / static_cast<double>(s.k))};
}

Support supports(const Problem& problem) {
  if (setup_of(problem).n >= int64_t{1} << 31) return Support::no("2^31 rows or more");
  return supports_nonempty_f32(problem);
}

Execution prepare(const Problem& problem) {
  const Setup s = setup_of(problem);
  Execution execution;
  execution.workspace_bytes = static_cast<std::size_t>(s.n) * sizeof(float);
  execution.run = [s](const Args& args, Stream& stream) {
    float* losses = static_cast<float*>(args.workspace);
    launch_rows(s.n, s.k, [&]<int kThreads>(const LaunchShape& shape) {
      if (s.soft) {
        launch(stream, "softmax_cross_entropy_soft_rows", shape,
               softmax_cross_entropy_soft_rows<kThreads>, args.in<float>(0),
               soft_targets_of(s, args.in<float>(1)), losses, s.n, s.k);
        return;
      }
      launch(stream, "softmax_cross_entropy_rows", shape, softmax_cross_entropy_rows<kThreads>,
             args.in<float>(0), targets_of(s, args.in<int64_t>(1)), losses, s.n, s.k);
    });
    launch(stream, "softmax_cross_entropy_mean", {.grid = {1, 1, 1}, .block = {kRowBlock, 1, 1}},
           softmax_cross_entropy_mean, losses, args.out<float>(0), s.n);
  };
  return execution;
}

Execution prepare_gradient(const Problem& problem) {
  return {.run = [s = setup_of(problem)](const Args& args, Stream& stream) {
    launch_rows(s.n, s.k, [&]<int kThreads>(const LaunchShape& shape) {
      if (s.soft) {
        launch(stream, "softmax_cross_entropy_gradient_soft", shape,
               softmax_cross_entropy_gradient_soft<kThreads>, args.in<float>(0),
               soft_targets_of(s, args.in<float>(1)), args.in<float>(2), args.out<float>(0), s.n,
               s.k);
        return;
      }
      launch(stream, "softmax_cross_entropy_gradient_online", shape,
             softmax_cross_entropy_gradient_online<kThreads>, args.in<float>(0),
             targets_of(s, args.in<int64_t>(1)), args.in<float>(2), args.out<float>(0), s.n, s.k);
    });
  }};
}

}  // namespace

const Engine kOnline{"online", DeviceType::kCuda, EngineRole::kProduct, supports, prepare};
const Engine kGradientOnline{"online", DeviceType::kCuda, EngineRole::kProduct, supports,
                             prepare_gradient};

}  // namespace voluta::cross_entropy
