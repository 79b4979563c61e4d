#include <voluta/judge/rules_prologue.h>
#include <voluta/kernels/common/normalised.h>

#include <array>

namespace voluta::judge {
namespace {

template <class S>
Tensor apply_as(const Prologue& prologue, const Tensor& x, const Tensor& normaliser) {
  const int64_t channels = normaliser.shape()[1];
  const Clamp f = Clamp(prologue.activation);
  Tensor xhat(x.type());
  for (int64_t i = 0; i < x.elements(); ++i) {
    const NormaliserChannel<S> channel(normaliser.data<S>().data(), channels, i % channels);
    set_value(xhat, i, channel(f, static_cast<S>(value_at(x, i))));
  }
  return xhat;
}

}  // namespace

Tensor apply_prologue(const Prologue& prologue, const Tensor& x, const Tensor& normaliser) {
  return (normaliser.dtype() == DType::f64 ? apply_as<double> : apply_as<float>)(prologue, x,
                                                                                 normaliser);
}

Prologue read_prologue(ProblemLine& line) {
  for (const ActivationKind f :
       {ActivationKind::kNone, ActivationKind::kRelu, ActivationKind::kRelu6}) {
    const Prologue prologue{.normalise = true, .activation = f};
    if (line.word(voluta::describe(prologue).substr(1))) return prologue;
  }
  return {};
}

std::string random_prologue(Random& random) {
  constexpr std::array<const char*, 3> kWords = {" normalise", " normalise_relu",
                                                 " normalise_relu6"};
  const uint32_t drawn = random.next_below(24);
  return drawn < kWords.size() ? kWords[drawn] : "";
}

TensorType normaliser_of(const TensorType& x) {
  return {x.dtype == DType::f64 ? DType::f64 : DType::f32, {3, x.shape[3]}};
}

void set_signs(Tensor& tensor, int64_t begin, int64_t end, Random& random) {
  for (int64_t i = begin; i < end; ++i) set_value(tensor, i, random.next_below(2) ? 1 : -1);
}

void set_normalised_integers(const Problem& problem, Tensors& inputs, Random& random) {
  for (Tensor* input : {&inputs[0], &inputs[1], &inputs.back()}) {
    *input = random_tensor(input->type(), InputKind::kIntegers, 1, 1, random);
  }
  const int64_t channels = problem.inputs[0].shape[3];
  set_signs(inputs.back(), channels, 2 * channels, random);
}

}  // namespace voluta::judge
