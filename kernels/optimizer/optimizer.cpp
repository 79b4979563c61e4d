#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/optimizer/optimizer_engines.h>

#include <array>
#include <cmath>

namespace voluta {
namespace {

using optimizer::Engines;
using optimizer::Layout;
using optimizer::Traits;

void check_at_least_0(const char* what, double value) {
  if (!(value >= 0 && std::isfinite(value))) {
    invalid(fmt::format("{} is {}; it must be finite and at least 0", what, value));
  }
}
void check_momentum(double momentum, bool nesterov) {
  check_at_least_0("momentum", momentum);
  if (nesterov && momentum == 0) invalid("Nesterov's step needs momentum above 0");
}
void check_share(const char* what, double value, bool zero) {
  if ((zero ? value >= 0 : value > 0) && value < 1) return;
  invalid(fmt::format("{} is {}; it must be in {}0, 1)", what, value, zero ? "[" : "("));
}

void check(const SgdOptions& o) {
  check_momentum(o.momentum, o.nesterov);
  check_at_least_0("weight decay", o.weight_decay);
}
void check(const RmspropOptions& o) {
  check_share("alpha", o.alpha, true);
  check_at_least_0("epsilon", o.epsilon);
  check_momentum(o.momentum, false);
  check_at_least_0("weight decay", o.weight_decay);
}
void check(const AdamOptions& o) {
  check_share("beta1", o.beta1, false);
  check_share("beta2", o.beta2, false);
  check_at_least_0("epsilon", o.epsilon);
  check_at_least_0("weight decay", o.weight_decay);
}
void check(const LarsOptions& o) {
  check_momentum(o.momentum, o.nesterov);
  check_at_least_0("weight decay", o.weight_decay);
  check_at_least_0("epsilon", o.epsilon);
  if (!(o.trust > 0))
    invalid(fmt::format("the trust coefficient is {}; it must be above 0", o.trust));
}
void check(const AverageOptions&) {}

std::string word(const char* name, double value, double standard) {
  return value == standard ? "" : fmt::format(" {}{}", name, value);
}
std::string flag(const char* name, bool set) {
  return set ? fmt::format(" {}", name) : "";
}

std::string words(const SgdOptions& o) {
  return word("momentum", o.momentum, 0) + word("decay", o.weight_decay, 0) +
         flag("nesterov", o.nesterov);
}
std::string words(const RmspropOptions& o) {
  return word("alpha", o.alpha, 0.99) + word("eps", o.epsilon, 1e-8) +
         word("momentum", o.momentum, 0) + word("decay", o.weight_decay, 0) +
         flag("tensorflow", o.tensorflow);
}
std::string words(const AdamOptions& o) {
  return word("first", o.beta1, 0.9) + word("second", o.beta2, 0.999) +
         word("eps", o.epsilon, 1e-8) + word("decay", o.weight_decay, 0) +
         flag("decoupled", o.decoupled);
}
std::string words(const LarsOptions& o) {
  return word("momentum", o.momentum, 0.9) + word("decay", o.weight_decay, 0) +
         word("trust", o.trust, 0.001) + word("eps", o.epsilon, 1e-8) +
         flag("nesterov", o.nesterov);
}
std::string words(const AverageOptions&) {
  return "";
}

// Operations on an element: for counting only, square roots and divisions as one each.
template <class Options>
constexpr double kFlops = 8;
template <>
inline constexpr double kFlops<RmspropOptions> = 12;
template <>
inline constexpr double kFlops<AdamOptions> = 16;
template <>
inline constexpr double kFlops<AverageOptions> = 3;

void check_scalar(const char* what, const TensorType& type, const TensorType& expected) {
  if (type == expected) return;
  invalid(fmt::format("{} must be {}, not {}", what, to_string(expected), to_string(type)));
}

// The type of all gradients of parameters of type `parameter`, the first of which has type `gradient`.
DType gradient_type(DType parameter, DType gradient) {
  const bool half = gradient == DType::bf16 || gradient == DType::f16;
  return parameter == DType::f32 && half ? gradient : parameter;
}

// p_i, g_i and the slots of i are of one type, but for gradients in 16 bits.
void check_tensors(std::span<const TensorType> inputs, std::size_t tensors, std::size_t lists) {
  const DType gradient = gradient_type(inputs[0].dtype, inputs[tensors].dtype);
  for (std::size_t i = 0; i < tensors * lists; ++i) {
    const TensorType &parameter = inputs[i % tensors], &type = inputs[i];
    if (!is_floating(parameter.dtype) || parameter.dtype != inputs[0].dtype) {
      invalid(fmt::format("parameters must be of one floating type, not {}", to_string(parameter)));
    }
    const bool is_gradient = i / tensors == 1;
    if (type == TensorType{is_gradient ? gradient : parameter.dtype, parameter.shape}) continue;
    invalid(fmt::format("parameter {} is {}, its gradient or slot {}", i % tensors,
                        to_string(parameter), to_string(type)));
  }
}

}  // namespace

int slots_of(const SgdOptions& o) {
  return o.momentum != 0 ? 1 : 0;
}
int slots_of(const RmspropOptions& o) {
  return o.momentum != 0 ? 2 : 1;
}
int slots_of(const AdamOptions&) {
  return 2;
}
int slots_of(const LarsOptions& o) {
  return o.momentum != 0 ? 1 : 0;
}
int slots_of(const AverageOptions&) {
  return 0;
}

template <class Options>
std::vector<TensorType> OptimizerUpdate<Options>::infer(const Options& options,
                                                        std::span<const TensorType> inputs) {
  check(options);
  const Layout<Options> at(options, inputs.size());
  if (at.tensors == 0 || at.inputs() != inputs.size()) {
    invalid(fmt::format("takes {} inputs a parameter and {} scalars, not {} inputs", 2 + at.slots,
                        at.scalars(), inputs.size()));
  }
  check_tensors(inputs, at.tensors, 2 + at.slots);
  const DType real = inputs[0].dtype == DType::f64 ? DType::f64 : DType::f32;
  check_scalar("the learning rate", inputs[at.lr()], {real, {}});
  if (at.is_scaled) check_scalar("the gradients' scale", inputs[at.gradient_scale()], {real, {}});
  if (Traits<Options>::kCounts)
    check_scalar("the number of steps", inputs[at.t()], {DType::i64, {}});
  if (Traits<Options>::kNorms) {
    check_scalar("the norms", inputs[at.norms()], {real, {2 * static_cast<int64_t>(at.tensors)}});
  }
  std::vector<TensorType> outputs;
  for (std::size_t i = 0; i < at.tensors * (1 + at.slots); ++i) {
    outputs.push_back(inputs[i % at.tensors]);
  }
  return outputs;
}

template <class Options>
Cost OptimizerUpdate<Options>::cost(const Problem& problem) {
  const auto elements = total_elements(Layout<Options>(problem).parameters(problem));
  return {.flops = kFlops<Options> * static_cast<double>(elements),
          .bytes = bytes_touched(problem)};
}

template <class Options>
int64_t OptimizerUpdate<Options>::reduction_length(const Problem&) {
  return 8;
}

template <class Options>
std::string OptimizerUpdate<Options>::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  const Layout<Options> at(problem);
  const DType parameters = problem.inputs[0].dtype, gradients = at.gradient_type(problem);
  std::string text = describe_tensors(at.parameters(problem)) + words(options) +
                     flag("scaled", optimizer::scaled(options));
  if (gradients != parameters) text += fmt::format(" gradients_{}", name_of(gradients));
  return fmt::format("{} {}", text, name_of(parameters));
}

Support optimizer::supports_f32(const Problem& problem) {
  const DType parameters = problem.inputs[0].dtype;
  if (parameters == DType::f32) return supports_nonempty(problem);
  return Support::no(fmt::format("computes in f32, not {}", name_of(parameters)));
}

template <class Options>
std::span<const Engine> OptimizerUpdate<Options>::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      Engines<Options>::kMultiTensor,
#endif
      Engines<Options>::kOpenmp, Engines<Options>::kReference};
  return engines;
}

template <class Options>
std::vector<Alias> OptimizerUpdate<Options>::aliases(const Problem& problem) {
  const Layout<Options> at(problem);
  std::vector<Alias> aliases;
  for (std::size_t i = 0; i < at.tensors; ++i) {
    aliases.push_back({.input = static_cast<int>(i), .output = static_cast<int>(i), .must = true});
    for (std::size_t s = 0; s < at.slots; ++s) {
      aliases.push_back({.input = static_cast<int>(at.slot(s, i)),
                         .output = static_cast<int>(at.slot_output(s, i)),
                         .must = true});
    }
  }
  return aliases;
}

template struct OptimizerUpdate<SgdOptions>;
template struct OptimizerUpdate<RmspropOptions>;
template struct OptimizerUpdate<AdamOptions>;
template struct OptimizerUpdate<LarsOptions>;
template struct OptimizerUpdate<AverageOptions>;

}  // namespace voluta
