#include <voluta/kernels/bias/bias_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const auto [rows, channels] = bias_extents(problem);
  return {.run = [rows = rows, channels = channels, dtype = problem.inputs[0].dtype](
                     const Args& args, Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T *x = args.in<T>(0), *b = args.in<T>(1);  // [rows, channels], [channels]
      T* y = args.out<T>(0);                           // [rows, channels]
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t i = row * channels + c;
          y[i] = from_double<T>(to_double(x[i]) + to_double(b[c]));
        }
      }
    });
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const auto [rows, channels] = bias_extents(problem);
  return {.run = [rows = rows, channels = channels, dtype = problem.inputs[0].dtype](
                     const Args& args, Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T* dy = args.in<T>(0);  // [rows, channels]
      T* db = args.out<T>(0);       // [channels]
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (int64_t row = 0; row < rows; ++row) sum += to_double(dy[row * channels + c]);
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
