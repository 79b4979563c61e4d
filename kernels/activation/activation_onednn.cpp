#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/onednn.h>

namespace voluta {
namespace {

ActivationKind kind_of(const Problem& problem) {
  return problem.options_as<ActivationOptions>().kind;
}

dnnl::memory::desc flat_desc(const Problem& problem) {
  return onednn::dense_desc(Shape{problem.inputs[0].shape.elements()});
}

dnnl::eltwise_forward::primitive_desc forward_descriptor(ActivationKind kind,
                                                         const dnnl::memory::desc& flat) {
  const onednn::Eltwise eltwise = *onednn::eltwise_of(kind);
  return {{dnnl::prop_kind::forward_training, eltwise.algorithm, flat, eltwise.alpha, eltwise.beta},
          onednn::user_scratchpad(),
          onednn::engine()};
}

// The others are left to the loop: see onednn::eltwise_of(), and at the memory's speed nothing is
// to be gained.
Support supports(const Problem& problem) {
  if (!onednn::eltwise_of(kind_of(problem))) return Support::no("tanh, sigmoid and silu only");
  return onednn::supports_f32(problem);
}

// tanh and sigmoid have theirs from y, without an exponential, in the loop.
Support supports_gradient(const Problem& problem) {
  if (kind_of(problem) != ActivationKind::kSilu) return Support::no("silu only");
  return onednn::supports_f32(problem);
}

Execution prepare(const Problem& problem) {
  const dnnl::memory::desc flat = flat_desc(problem);
  onednn::Program program;
  program.add(dnnl::eltwise_forward(forward_descriptor(kind_of(problem), flat)),
              {{DNNL_ARG_SRC, flat, onednn::input(0)}, {DNNL_ARG_DST, flat, onednn::output(0)}});
  return std::move(program).execution();
}

Execution prepare_gradient(const Problem& problem) {
  const ActivationKind kind = kind_of(problem);
  const onednn::Eltwise eltwise = *onednn::eltwise_of(kind);
  const dnnl::memory::desc flat = flat_desc(problem);
  const dnnl::eltwise_backward::primitive_desc descriptor(
      {eltwise.algorithm, flat, flat, eltwise.alpha, eltwise.beta}, onednn::user_scratchpad(),
      onednn::engine(), forward_descriptor(kind, flat));
  onednn::Program program;
  program.add(dnnl::eltwise_backward(descriptor), {{DNNL_ARG_SRC, flat, onednn::input(0)},
                                                   {DNNL_ARG_DIFF_DST, flat, onednn::input(1)},
                                                   {DNNL_ARG_DIFF_SRC, flat, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kActivationOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, supports, prepare};
const Engine kActivationGradientOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_gradient, prepare_gradient};

}  // namespace voluta
