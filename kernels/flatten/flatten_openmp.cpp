#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/flatten/flatten_engines.h>

namespace voluta {
namespace {

// x [batch, rows, columns] -> y [batch, columns, rows]. A picture's matrix fits into the L2 cache
// where networks flatten (7*7*512 floats are 98 KiB), so rows need no tiles.
template <class T>
Execution prepare_as(const Problem& problem) {
  const TransposeExtents extents = transpose_extents(problem);
  return {.run = [extents](const Args& args, Stream&) {
    const int64_t batch = extents.batch, rows = extents.rows, columns = extents.columns;
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
#pragma omp parallel for collapse(2) if (batch * rows * columns > kParallelElements)
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t column = 0; column < columns; ++column) {
        const T* from = x + n * rows * columns + column;
        T* to = y + (n * columns + column) * rows;
        for (int64_t row = 0; row < rows; ++row) to[row] = from[row * columns];
      }
    }
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kFlattenOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                            prepare};
const Engine kUnflattenOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                              prepare};

}  // namespace voluta
