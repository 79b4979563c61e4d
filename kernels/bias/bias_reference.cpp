#include <voluta/kernels/bias/bias_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  return {.run = [rows = rows, columns = columns, dtype = problem.inputs[0].dtype](const Args& args,
                                                                                   Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T *x = args.in<T>(0), *b = args.in<T>(1);  // [rows, columns], [columns]
      T* y = args.out<T>(0);                           // [rows, columns]
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t c = 0; c < columns; ++c) {
          const int64_t i = row * columns + c;
          y[i] = from_double<T>(to_double(x[i]) + to_double(b[c]));
        }
      }
    });
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  return {.run = [rows = rows, columns = columns, dtype = problem.inputs[0].dtype](const Args& args,
                                                                                   Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T* dy = args.in<T>(0);  // [rows, columns]
      T* db = args.out<T>(0);       // [columns]
      for (int64_t c = 0; c < columns; ++c) {
        double sum = 0;
        for (int64_t row = 0; row < rows; ++row) sum += to_double(dy[row * columns + c]);
        db[c] = from_double<T>(sum);
      }
    });
  }};
}

}  // namespace

const Engine kBiasReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                            prepare};
const Engine kBiasGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                    prepare_gradient};

}  // namespace voluta
