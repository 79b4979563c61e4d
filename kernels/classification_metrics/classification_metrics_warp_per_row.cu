// classification_metrics, algorithm "warp_per_row": a warp counts the classes that rank before the
// label of its row; a second kernel adds up the rows that are right.
//   rank[n] = |{j : x[n,j] > x[n,label], or equal and j < label, or NaN}|
//   sums   += {loss * N, |rank < 1|, |rank < 5|, N}
//   grid   8 rows a block, then one block     block 256     smem 0, then 2 KiB
//   regs   32, then 29 (sm_90a)
//   maps   lane l of row n's warp: classes l, l + 32, ...;
//          thread t of the sums: rows t, t + 256, ..., then a tree over the threads
//   limits f32, N < 2^31, K < 2^31
//   measured never run on hardware

#include <voluta/kernels/classification_metrics/classification_metrics_engines.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::classification_metrics {
namespace {

constexpr int kBlock = 256;
constexpr int kRows = kBlock / 32;  // of a block
constexpr int kWrong = -1;          // rank of a row that no class of its own could be right for

__global__ void __launch_bounds__(kBlock)
    classification_ranks(const float* x /* [N,K] */, const int64_t* labels /* [N] */,
                         int* ranks /* [N] */, int64_t n, int64_t k) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRows + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (row >= n) return;  // a warp as one
  const float* x_row = x + row * k;
  const int64_t label = labels[row];
  const bool is_class = label >= 0 && label < k;
  const float own = is_class ? x_row[label] : nanf("");

  int before = 0;
  for (int64_t j = lane; j < k; j += 32) {
    const float other = x_row[j];
    const bool ranks_before = !(other <= own) || (other == own && j < label);  // NaN does
    before += ranks_before ? 1 : 0;
  }
  for (int offset = 16; offset > 0; offset /= 2) {
    before += __shfl_xor_sync(0xffffffffu, before, offset);
  }
  if (lane == 0) ranks[row] = own == own ? before : kWrong;
}

__global__ void __launch_bounds__(kBlock)
    classification_sums(const int* ranks /* [N] */, const float* loss /* [] */, const double* old,
                        double* sums /* [4], may be old */, int64_t n) {
  VOLUTA_SHARED(int[kBlock], first);
  VOLUTA_SHARED(int[kBlock], among_top);
  int own_first = 0, own_top = 0;
  for (int64_t i = threadIdx.x; i < n; i += kBlock) {
    const int rank = ranks[i];
    own_first += rank == 0 ? 1 : 0;
    own_top += rank != kWrong && rank < kTop ? 1 : 0;
  }
  first[threadIdx.x] = own_first;
  among_top[threadIdx.x] = own_top;
  for (unsigned half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x >= half) continue;
    first[threadIdx.x] += first[threadIdx.x + half];
    among_top[threadIdx.x] += among_top[threadIdx.x + half];
  }
  if (threadIdx.x != 0) return;
  sums[0] = old[0] + static_cast<double>(*loss) * static_cast<double>(n);
  sums[1] = old[1] + first[0];
  sums[2] = old[2] + among_top[0];
  sums[3] = old[3] + static_cast<double>(n);
}

Support supports(const Problem& problem) {
  const TensorType &logits = problem.inputs[0], &loss = problem.inputs[2];
  if (logits.dtype != DType::f32 || loss.dtype != DType::f32) {
    return Support::no("reads logits and loss in f32 only");
  }
  if (logits.shape.elements() == 0) return Support::no("an empty tensor");
  for (int64_t extent : logits.shape.extents()) {
    if (extent >= int64_t{1} << 31) return Support::no("an extent of 2^31 or more");
  }
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  Execution execution;
  execution.workspace_bytes = static_cast<std::size_t>(n) * sizeof(int);
  execution.run = [=](const Args& args, Stream& stream) {
    int* ranks = static_cast<int*>(args.workspace);
    launch(stream, "classification_ranks",
           {.grid = {blocks_for(n, kRows), 1, 1}, .block = {kBlock, 1, 1}}, classification_ranks,
           args.in<float>(0), args.in<int64_t>(1), ranks, n, k);
    launch(stream, "classification_sums", {.grid = {1, 1, 1}, .block = {kBlock, 1, 1}},
           classification_sums, ranks, args.in<float>(2), args.in<double>(3), args.out<double>(0),
           n);
  };
  return execution;
}

}  // namespace

const Engine kWarpPerRow{"warp_per_row", DeviceType::kCuda, EngineRole::kProduct, supports,
                         prepare};

}  // namespace voluta::classification_metrics
