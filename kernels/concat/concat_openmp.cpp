#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/concat/concat_engines.h>

#include <algorithm>

namespace voluta {
namespace {

template <class T>
void copy_columns(const ColumnCopy& copy, const T* from, T* to) {
#pragma omp parallel for if (copy.rows * copy.columns > kParallelElements)
  for (int64_t row = 0; row < copy.rows; ++row) {
    std::copy_n(from + row * copy.from_stride + copy.from_offset, copy.columns,
                to + row * copy.to_stride + copy.to_offset);
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  return {.run = [copies = column_copies(problem)](const Args& args, Stream&) {
    for (const ColumnCopy& copy : copies) {
      copy_columns(copy, args.in<T>(copy.input), args.out<T>(0));
    }
  }};
}

template <class T>
Execution prepare_pad_as(const Problem& problem) {
  return {.run = [copy = column_copies(problem)[0]](const Args& args, Stream&) {
    const T* x = args.in<T>(0);
    const int64_t end = copy.to_offset + copy.columns;
#pragma omp parallel for if (copy.rows * copy.to_stride > kParallelElements)
    for (int64_t row = 0; row < copy.rows; ++row) {
      T* y = args.out<T>(0) + row * copy.to_stride;
      std::fill_n(y, copy.to_offset, T{});
      std::copy_n(x + row * copy.columns, copy.columns, y + copy.to_offset);
      std::fill(y + end, y + copy.to_stride, T{});
    }
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_pad(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_pad_as<T>(problem); });
}

}  // namespace

const Engine kConcatOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                           prepare};
const Engine kChannelSliceOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                 supports_nonempty, prepare};
const Engine kChannelPadOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                               prepare_pad};

}  // namespace voluta
