// linear on the CPU, by oneDNN. The forward product is a matmul (bias and activation are folded
// in), the gradients are inner_product's: measured on plain layouts, where the weights change every
// step and a reorder never pays, matmul forward takes a third to all of inner_product's time at
// N >= 32, and inner_product's gradients half to all of matmul's (AVX-512, oneDNN 2.6.3).

#include <voluta/kernels/common/onednn.h>
#include <voluta/kernels/linear/linear_engines.h>

namespace voluta::linear {
namespace {

using onednn::f32_desc;
using tag = dnnl::memory::format_tag;

Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const auto x = f32_desc({e.n, e.f}, tag::ab), w = f32_desc({e.f, e.m}, tag::ba);
  const auto b = f32_desc({1, e.m}, tag::ab), y = f32_desc({e.n, e.m}, tag::ab);
  const ActivationKind activation = problem.options_as<LinearOptions>().activation;

  std::vector<onednn::Operand> operands{{DNNL_ARG_SRC, x, onednn::input(0)},
                                        {DNNL_ARG_WEIGHTS, w, onednn::input(1)},
                                        {DNNL_ARG_DST, y, onednn::output(0)}};
  if (has_bias(problem)) operands.push_back({DNNL_ARG_BIAS, b, onednn::input(2)});
  const dnnl::matmul::desc product =
      has_bias(problem) ? dnnl::matmul::desc(x, w, b, y) : dnnl::matmul::desc(x, w, y);
  onednn::Program program;
  program.add(dnnl::matmul({product, onednn::activated(activation), onednn::engine()}),
              std::move(operands));
  program.activate(activation, e.n * e.m);
  return std::move(program).execution();
}

// The forward primitive that oneDNN's gradients want as a hint.
dnnl::inner_product_forward::primitive_desc forward_hint(const Extents& e) {
  return {{dnnl::prop_kind::forward_training, f32_desc({e.n, e.f}, tag::ab),
           f32_desc({e.m, e.f}, tag::ab), f32_desc({e.n, e.m}, tag::ab)},
          onednn::engine()};
}

Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  const auto dx = f32_desc({e.n, e.f}, tag::ab), w = f32_desc({e.m, e.f}, tag::ab);
  const auto dy = f32_desc({e.n, e.m}, tag::ab);
  const dnnl::inner_product_backward_data::primitive_desc descriptor(
      {dx, w, dy}, onednn::user_scratchpad(), onednn::engine(), forward_hint(e));
  onednn::Program program;
  program.add(dnnl::inner_product_backward_data(descriptor),
              {{DNNL_ARG_DIFF_DST, dy, onednn::input(0)},
               {DNNL_ARG_WEIGHTS, w, onednn::input(1)},
               {DNNL_ARG_DIFF_SRC, dx, onednn::output(0)}});
  return std::move(program).execution();
}

Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  const auto x = f32_desc({e.n, e.f}, tag::ab), dw = f32_desc({e.m, e.f}, tag::ab);
  const auto dy = f32_desc({e.n, e.m}, tag::ab);
  const dnnl::inner_product_backward_weights::primitive_desc descriptor(
      {x, dw, dy}, onednn::user_scratchpad(), onednn::engine(), forward_hint(e));
  onednn::Program program;
  program.add(dnnl::inner_product_backward_weights(descriptor),
              {{DNNL_ARG_SRC, x, onednn::input(0)},
               {DNNL_ARG_DIFF_DST, dy, onednn::input(1)},
               {DNNL_ARG_DIFF_WEIGHTS, dw, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, onednn::supports_f32,
                     prepare};
const Engine kInputGradientOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct,
                                  onednn::supports_f32, prepare_input_gradient};
const Engine kWeightGradientOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct,
                                   onednn::supports_f32, prepare_weight_gradient};

}  // namespace voluta::linear
