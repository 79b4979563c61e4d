#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/concat/concat_engines.h>

#include <algorithm>

namespace voluta {
namespace {

void copy_columns(const ColumnCopy& copy, const float* from, float* to) {
#pragma omp parallel for if (copy.rows * copy.columns > kParallelElements)
  for (int64_t row = 0; row < copy.rows; ++row) {
    std::copy_n(from + row * copy.from_stride + copy.from_offset, copy.columns,
                to + row * copy.to_stride + copy.to_offset);
  }
}

Execution prepare(const Problem& problem) {
  return {.run = [copies = column_copies(problem)](const Args& args, Stream&) {
    for (const ColumnCopy& copy : copies) {
      copy_columns(copy, args.in<float>(copy.input), args.out<float>(0));
    }
  }};
}

Execution prepare_pad(const Problem& problem) {
  return {.run = [copy = column_copies(problem)[0]](const Args& args, Stream&) {
    const float* x = args.in<float>(0);
    const int64_t end = copy.to_offset + copy.columns;
#pragma omp parallel for if (copy.rows * copy.to_stride > kParallelElements)
    for (int64_t row = 0; row < copy.rows; ++row) {
      float* y = args.out<float>(0) + row * copy.to_stride;
      std::fill_n(y, copy.to_offset, 0.0f);
      std::copy_n(x + row * copy.columns, copy.columns, y + copy.to_offset);
      std::fill(y + end, y + copy.to_stride, 0.0f);
    }
  }};
}

}  // namespace

const Engine kConcatOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                           prepare};
const Engine kChannelSliceOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                 supports_nonempty_f32, prepare};
const Engine kChannelPadOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                               supports_nonempty_f32, prepare_pad};

}  // namespace voluta
