#pragma once

// The engines of the op. Internal to the room.

#include <voluta/kernels/sgd/sgd.h>

namespace voluta::sgd {

// Addresses of a step by their letters; b and b_out only with momentum. p and p_out (b and b_out)
// are the same memory in a plan and may differ elsewhere.
template <class T, class Rate>
struct Operands {
  const T *p, *g, *b;
  const Rate* lr;
  T *p_out, *b_out;
};

template <class T, class Rate>
Operands<T, Rate> operands(const Args& args, bool momentum) {
  if (!momentum)
    return {args.in<T>(0), args.in<T>(1), nullptr, args.in<Rate>(2), args.out<T>(0), nullptr};
  return {args.in<T>(0),    args.in<T>(1),  args.in<T>(2),
          args.in<Rate>(3), args.out<T>(0), args.out<T>(1)};
}

extern const Engine kReference, kOpenmp, kElementwise;

}  // namespace voluta::sgd
