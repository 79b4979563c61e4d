#pragma once

// The engines of the ops: those of one kind for each rule. Internal to the room.

#include <voluta/kernels/optimizer/optimizer_rules.h>

namespace voluta::optimizer {

template <class Options>
struct Engines {
  static const Engine kReference, kOpenmp, kMultiTensor;
};

// The limits of those but the reference: f32, with gradients of any type.
Support supports_f32(const Problem& problem);

// The host's pointers to the tensors of a run, decoded from Args by the layout: those of tensor i. G: as
// gradients are stored.
template <class T, class G, int kSlots>
struct TensorAt {
  const T* p;
  const G* g;
  T* p_out;
  const T* slots[kSlots + 1];  // one more: C++ has no arrays of none
  T* slots_out[kSlots + 1];
};

template <class T, class G, int kSlots, class Options>
TensorAt<T, G, kSlots> tensor_at(const Layout<Options>& layout, const Args& args, std::size_t i) {
  TensorAt<T, G, kSlots> at = {
      args.in<T>(i), args.in<G>(layout.gradient(i)), args.out<T>(i), {}, {}};
  for (int s = 0; s < kSlots; ++s) {
    const auto slot = static_cast<std::size_t>(s);
    at.slots[s] = args.in<T>(layout.slot(slot, i));
    at.slots_out[s] = args.out<T>(layout.slot_output(slot, i));
  }
  return at;
}

// The scalars of a run, in the memory of the engine's device: Real is f64 for f64 parameters, else
// f32.
template <class Real>
struct ScalarsAt {
  const Real *lr, *gradient_scale;  // gradient_scale: nullptr for one
  const int64_t* t;                 // nullptr where the rule does not count
  const Real *parameter_norms, *gradient_norms;

  template <class T>
  VOLUTA_HOST_DEVICE T scale() const {
    return gradient_scale == nullptr ? T(1) : T(*gradient_scale);
  }
  template <class T>
  VOLUTA_HOST_DEVICE StepScalars<T> of(std::size_t tensor) const {
    StepScalars<T> scalars = {T(*lr), t == nullptr ? T(0) : T(*t)};
    if (parameter_norms != nullptr) {
      const T factor = scale<T>();
      scalars.parameter_norm = T(parameter_norms[tensor]);
      scalars.gradient_norm = (factor < T(0) ? -factor : factor) * T(gradient_norms[tensor]);
    }
    return scalars;
  }
};

template <class Real, class Options>
ScalarsAt<Real> scalars_at(const Layout<Options>& layout, const Args& args) {
  using Of = Traits<Options>;
  const Real* norms = Of::kNorms ? args.in<Real>(layout.norms()) : nullptr;
  return {.lr = args.in<Real>(layout.lr()),
          .gradient_scale = layout.is_scaled ? args.in<Real>(layout.gradient_scale()) : nullptr,
          .t = Of::kCounts ? args.in<int64_t>(layout.t()) : nullptr,
          .parameter_norms = norms,
          .gradient_norms = Of::kNorms ? norms + layout.tensors : nullptr};
}

// Element i of one tensor: all that an engine's loop does. A step that is left out copies.
template <class T, int kSlots, class Rule, class Storage, class G, class Load, class Store>
VOLUTA_HOST_DEVICE inline void update_element(const Rule& rule,
                                              const TensorAt<Storage, G, kSlots>& at, int64_t i,
                                              T scale, bool skip, Load load, Store store) {
  T p = load(at.p[i]), slots[kSlots + 1] = {};
  for (int s = 0; s < kSlots; ++s) slots[s] = load(at.slots[s][i]);
  if (!skip) rule.template update<kSlots>(scale * load(at.g[i]), p, slots);
  store(at.p_out[i], p);
  for (int s = 0; s < kSlots; ++s) store(at.slots_out[s][i], slots[s]);
}

// Neither NaN nor infinite.
template <class T>
VOLUTA_HOST_DEVICE inline bool is_finite(T x) {
  return x - x == T(0);
}

}  // namespace voluta::optimizer
