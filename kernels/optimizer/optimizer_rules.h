#pragma once

// The update rules, each written once: engines of every device, the f64 reference and the judge's
// error bounds (which run them on numbers that carry their rounding errors) all instantiate them.
// Internal to the room and the judge.
//
// A rule is made of its options, told a tensor's scalars by begin(), and then moves one element:
// update(g, p, slots). T is float, double or the judge's Rounded.

#include <voluta/core/macros.h>
#include <voluta/kernels/optimizer/optimizer.h>

#include <cmath>

namespace voluta::optimizer {

// What a step says about one tensor.
template <class T>
struct StepScalars {
  T lr, t;                              // t: of rules that count
  T parameter_norm{}, gradient_norm{};  // of lars; of the scaled gradient
};

template <class T>
struct SgdRule {
  T momentum, weight_decay;
  bool nesterov;
  T lr{};

  explicit SgdRule(const SgdOptions& o)
      : momentum(T(o.momentum)), weight_decay(T(o.weight_decay)), nesterov(o.nesterov) {}

  VOLUTA_HOST_DEVICE void begin(const StepScalars<T>& s) { lr = s.lr; }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void update(T g, T& p, T* slots) const {
    descend<kSlots>(g + weight_decay * p, p, slots);
  }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void descend(T g, T& p, T* slots) const {
    if constexpr (kSlots == 1) {
      slots[0] = momentum * slots[0] + g;
      g = nesterov ? g + momentum * slots[0] : slots[0];
    }
    p = p - lr * g;
  }
};

template <class T>
struct LarsRule {
  SgdRule<T> sgd;
  T trust, epsilon, ratio{};

  explicit LarsRule(const LarsOptions& o)
      : sgd(SgdOptions{o.momentum, o.weight_decay, o.nesterov}),
        trust(T(o.trust)),
        epsilon(T(o.epsilon)) {}

  VOLUTA_HOST_DEVICE void begin(const StepScalars<T>& s) {
    sgd.begin(s);
    const bool both = s.parameter_norm > T(0) && s.gradient_norm > T(0);
    ratio = both ? trust * s.parameter_norm /
                       (s.gradient_norm + sgd.weight_decay * s.parameter_norm + epsilon)
                 : T(1);
  }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void update(T g, T& p, T* slots) const {
    sgd.template descend<kSlots>(ratio * (g + sgd.weight_decay * p), p, slots);
  }
};

template <class T>
struct RmspropRule {
  T alpha, rest, epsilon, momentum, weight_decay;
  bool tensorflow;
  T lr{};

  explicit RmspropRule(const RmspropOptions& o)
      : alpha(T(o.alpha)),
        rest(T(1 - o.alpha)),
        epsilon(T(o.epsilon)),
        momentum(T(o.momentum)),
        weight_decay(T(o.weight_decay)),
        tensorflow(o.tensorflow) {}

  VOLUTA_HOST_DEVICE void begin(const StepScalars<T>& s) { lr = s.lr; }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void update(T g, T& p, T* slots) const {
    using std::sqrt;
    g = g + weight_decay * p;
    slots[0] = alpha * slots[0] + rest * (g * g);
    T step = tensorflow ? lr * g / sqrt(slots[0] + epsilon) : g / (sqrt(slots[0]) + epsilon);
    if constexpr (kSlots == 2) {
      slots[1] = momentum * slots[1] + step;
      step = slots[1];
    }
    p = p - (tensorflow ? step : lr * step);
  }
};

// Note [Powers near one]
// 1 - beta^t is expm1(t log beta) with the sign turned: in f32, 1 - pow(0.999, t) loses the digits
// that pow rounds away next to 1, expm1 keeps them all.
template <class T>
struct AdamRule {
  T beta1, beta2, rest1, rest2, log_beta1, log_beta2, epsilon, weight_decay;
  bool decoupled;
  T step{}, root{}, shrink{};

  explicit AdamRule(const AdamOptions& o)
      : beta1(T(o.beta1)),
        beta2(T(o.beta2)),
        rest1(T(1 - o.beta1)),
        rest2(T(1 - o.beta2)),
        log_beta1(T(std::log(o.beta1))),
        log_beta2(T(std::log(o.beta2))),
        epsilon(T(o.epsilon)),
        weight_decay(T(o.weight_decay)),
        decoupled(o.decoupled) {}

  VOLUTA_HOST_DEVICE void begin(const StepScalars<T>& s) {
    using std::expm1;
    using std::sqrt;
    step = s.lr / -expm1(s.t * log_beta1);
    root = T(1) / sqrt(-expm1(s.t * log_beta2));
    shrink = decoupled ? T(1) - s.lr * weight_decay : T(1);
  }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void update(T g, T& p, T* slots) const {
    using std::sqrt;
    if (decoupled) {
      p = shrink * p;
    } else {
      g = g + weight_decay * p;
    }
    slots[0] = beta1 * slots[0] + rest1 * g;
    slots[1] = beta2 * slots[1] + rest2 * (g * g);
    p = p - step * slots[0] / (sqrt(slots[1]) * root + epsilon);
  }
};

template <class T>
struct AverageRule {
  T share{};

  explicit AverageRule(const AverageOptions&) {}

  VOLUTA_HOST_DEVICE void begin(const StepScalars<T>& s) { share = s.lr; }

  template <int kSlots>
  VOLUTA_HOST_DEVICE void update(T g, T& p, T*) const {
    p = share < T(1) ? p + share * (g - p) : g;
  }
};

// What the room must know of an op beyond its rule, by its options: how many slots a parameter has,
// at least and at most, whether t is an input, and whether norms are.
template <template <class> class OfRule, int kLeast, int kMost, bool kWithT, bool kWithNorms>
struct RuleTraits {
  template <class T>
  using Rule = OfRule<T>;
  static constexpr int kLeastSlots = kLeast, kMostSlots = kMost;
  static constexpr bool kCounts = kWithT, kNorms = kWithNorms;
};
template <class Options>
struct Traits;
template <>
struct Traits<SgdOptions> : RuleTraits<SgdRule, 0, 1, false, false> {};
template <>
struct Traits<RmspropOptions> : RuleTraits<RmspropRule, 1, 2, false, false> {};
template <>
struct Traits<AdamOptions> : RuleTraits<AdamRule, 2, 2, true, false> {};
template <>
struct Traits<LarsOptions> : RuleTraits<LarsRule, 0, 1, false, true> {};
template <>
struct Traits<AverageOptions> : RuleTraits<AverageRule, 0, 0, false, false> {};

template <class Options>
bool scaled(const Options& options) {
  if constexpr (requires { options.scaled; }) return options.scaled;
  return false;
}

// Calls f.operator()<kSlots>() for the number of slots of these options.
template <class Options, class F>
decltype(auto) dispatch_slots(const Options& options, F&& f) {
  using Of = Traits<Options>;
  if constexpr (Of::kLeastSlots < Of::kMostSlots) {
    if (slots_of(options) == Of::kLeastSlots) return f.template operator()<Of::kLeastSlots>();
  }
  return f.template operator()<Of::kMostSlots>();
}

// How the inputs of a problem are laid out.
template <class Options>
struct Layout {
  using Of = Traits<Options>;
  std::size_t tensors, slots;
  bool is_scaled;

  explicit Layout(const Problem& problem)
      : slots(static_cast<std::size_t>(slots_of(problem.options_as<Options>()))),
        is_scaled(scaled(problem.options_as<Options>())) {
    tensors = (problem.inputs.size() - scalars()) / (2 + slots);
  }
  Layout(const Options& options, std::size_t inputs)
      : slots(static_cast<std::size_t>(slots_of(options))), is_scaled(scaled(options)) {
    tensors = inputs < scalars() ? 0 : (inputs - scalars()) / (2 + slots);
  }

  // The first of the inputs.
  std::span<const TensorType> parameters(const Problem& problem) const {
    return std::span(problem.inputs).first(tensors);
  }
  DType gradient_type(const Problem& problem) const { return problem.inputs[gradient(0)].dtype; }
  std::size_t scalars() const { return 1 + Of::kNorms + Of::kCounts + is_scaled; }
  std::size_t inputs() const { return tensors * (2 + slots) + scalars(); }
  std::size_t gradient(std::size_t i) const { return tensors + i; }
  std::size_t slot(std::size_t s, std::size_t i) const { return (2 + s) * tensors + i; }
  std::size_t slot_output(std::size_t s, std::size_t i) const { return (1 + s) * tensors + i; }
  std::size_t norms() const { return (2 + slots) * tensors; }  // where there are any
  std::size_t lr() const { return norms() + Of::kNorms; }
  std::size_t t() const { return lr() + 1; }
  std::size_t gradient_scale() const { return inputs() - 1; }
};

}  // namespace voluta::optimizer
