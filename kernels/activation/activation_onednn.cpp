#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/onednn.h>

namespace voluta {
namespace {

// relu and relu6 are left to the loop: oneDNN 2.6 turns NaN into 0 there, and at the memory's speed
// nothing is to be gained.
Support supports(const Problem& problem) {
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  if (kind != ActivationKind::kTanh && kind != ActivationKind::kSigmoid) {
    return Support::no("tanh and sigmoid only");
  }
  return onednn::supports_f32(problem);
}

Execution prepare(const Problem& problem) {
  const auto algorithm = problem.options_as<ActivationOptions>().kind == ActivationKind::kTanh
                             ? dnnl::algorithm::eltwise_tanh
                             : dnnl::algorithm::eltwise_logistic;
  const dnnl::memory::desc flat = onednn::dense_desc(Shape{problem.inputs[0].shape.elements()});
  const dnnl::eltwise_forward::primitive_desc descriptor(
      {dnnl::prop_kind::forward_inference, algorithm, flat, 0.0f, 0.0f}, onednn::user_scratchpad(),
      onednn::engine());
  onednn::Program program;
  program.add(dnnl::eltwise_forward(descriptor),
              {{DNNL_ARG_SRC, flat, onednn::input(0)}, {DNNL_ARG_DST, flat, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kActivationOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, supports, prepare};

}  // namespace voluta
