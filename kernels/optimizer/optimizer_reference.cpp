// The reference of every update op: the rule in double precision over any floating storage.

#include <voluta/kernels/optimizer/optimizer_engines.h>

namespace voluta::optimizer {
namespace {

template <class Options, int kSlots, class T, class G>
void run(const Problem& problem, const Options& options, const Args& args) {
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const Layout<Options> layout(problem);
  const ScalarsAt<Real> scalars = scalars_at<Real>(layout, args);
  const auto scale = scalars.template scale<double>();
  for (std::size_t i = 0; i < layout.tensors; ++i) {
    typename Traits<Options>::template Rule<double> rule(options);
    rule.begin(scalars.template of<double>(i));
    const auto at = tensor_at<T, G, kSlots>(layout, args, i);
    for (int64_t e = 0; e < problem.inputs[i].shape.elements(); ++e) {
      update_element<double, kSlots>(
          rule, at, e, scale, !is_finite(scale), [](auto x) { return to_double(x); },
          [](T& to, double x) { to = from_double<T>(x); });
    }
  }
}

template <class Options>
Execution prepare(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return dispatch_slots(options, [&]<int kSlots>() -> Execution {
      return dispatch_floating(Layout<Options>(problem).gradient_type(problem),
                               [&]<class G>() -> Execution {
                                 return {.run = [problem, options](const Args& args, Stream&) {
                                   run<Options, kSlots, T, G>(problem, options, args);
                                 }};
                               });
    });
  });
}

Support supports(const Problem&) {
  return Support::yes();
}

}  // namespace

template <class Options>
const Engine Engines<Options>::kReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                          supports, prepare<Options>};

template const Engine Engines<SgdOptions>::kReference;
template const Engine Engines<RmspropOptions>::kReference;
template const Engine Engines<AdamOptions>::kReference;
template const Engine Engines<LarsOptions>::kReference;
template const Engine Engines<AverageOptions>::kReference;

}  // namespace voluta::optimizer
