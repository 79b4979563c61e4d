#include <voluta/kernels/squared_error/squared_error_engines.h>

namespace voluta::mean_squares {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

template <class T>
using Loss = std::conditional_t<std::is_same_v<T, double>, double, float>;

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [count](const Args& args, Stream&) {
      const T *prediction = args.in<T>(0), *target = args.in<T>(1);  // [count]
      double sum = 0;
      for (int64_t i = 0; i < count; ++i) {
        const double difference = to_double(prediction[i]) - to_double(target[i]);
        sum += difference * difference;
      }
      *args.out<Loss<T>>(0) = from_double<Loss<T>>(sum / static_cast<double>(count));
    }};
  });
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [count](const Args& args, Stream&) {
      const T *prediction = args.in<T>(0), *target = args.in<T>(1);  // [count]
      const double factor = 2 * to_double(*args.in<Loss<T>>(2)) / static_cast<double>(count);
      T* gradient = args.out<T>(0);  // [count]
      for (int64_t i = 0; i < count; ++i) {
        gradient[i] = from_double<T>(factor * (to_double(prediction[i]) - to_double(target[i])));
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};
const Engine kGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                prepare_gradient};

}  // namespace voluta::mean_squares
