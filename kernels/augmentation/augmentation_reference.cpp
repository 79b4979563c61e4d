// erase_pictures, mix_pictures and mix_labels, the references: loops in double precision. That of
// the labels, which are a few thousand numbers, is what the CPU runs too.

#include <voluta/kernels/augmentation/augmentation_rules.h>

namespace voluta::augmentation {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Calls f(n, row, element of the line, index) for each element.
template <class F>
void for_each(const Extents& e, F&& f) {
  int64_t i = 0;
  for (int64_t n = 0; n < e.n; ++n) {
    for (int64_t row = 0; row < e.h; ++row) {
      for (int64_t element = 0; element < e.line(); ++element, ++i) f(n, row, element, i);
    }
  }
}

// The share is f64 with f64 pictures, else f32.
double share_of(const Args& args, DType dtype) {
  return dtype == DType::f64 ? *args.in<double>(1) : double{*args.in<float>(1)};
}

Execution prepare_erase(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [e = Extents(problem)](const Args& args, Stream&) {
      const T* x = args.in<T>(0);
      const int64_t* boxes = args.in<int64_t>(1);
      T* y = args.out<T>(0);
      for_each(e, [&](int64_t n, int64_t row, int64_t element, int64_t i) {
        y[i] = Box(boxes + 4 * n, e.c).holds(row, element) ? from_double<T>(0) : x[i];
      });
    }};
  });
}

Execution prepare_mix(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {
        .run = [e = Extents(problem), dtype = problem.inputs[0].dtype](const Args& args, Stream&) {
          const T* x = args.in<T>(0);
          const double share = share_of(args, dtype);
          const Box box(args.in<int64_t>(2), e.c);
          T* y = args.out<T>(0);
          for_each(e, [&](int64_t n, int64_t row, int64_t element, int64_t i) {
            const int64_t other = i + (partner(n, e.n) - n) * e.picture();
            y[i] = from_double<T>(
                mixed(to_double(x[i]), to_double(x[other]), share, box.holds(row, element)));
          });
        }};
  });
}

template <class T>
void mix_labels(const Args& args, int64_t n, int64_t classes) {
  const int64_t* labels = args.in<int64_t>(0);
  const T share = *args.in<T>(1);
  T* targets = args.out<T>(0);
  int64_t* heavier_labels = args.out<int64_t>(1);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t label = labels[i], other = labels[partner(i, n)];
    for (int64_t k = 0; k < classes; ++k) {
      targets[i * classes + k] = target(k, label, other, share, classes);
    }
    heavier_labels[i] = heavier(label, other, share);
  }
}

Execution prepare_labels(const Problem& problem) {
  const int64_t n = problem.outputs[0].shape[0], classes = problem.outputs[0].shape[1];
  const bool wide = problem.outputs[0].dtype == DType::f64;
  return {.run = [=](const Args& args, Stream&) {
    wide ? mix_labels<double>(args, n, classes) : mix_labels<float>(args, n, classes);
  }};
}

}  // namespace

const Engine kEraseReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                             prepare_erase};
const Engine kMixReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                           prepare_mix};
const Engine kLabelsReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                              prepare_labels};

}  // namespace voluta::augmentation
