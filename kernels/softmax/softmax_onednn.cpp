// softmax on the CPU, by oneDNN.

#include <voluta/kernels/common/onednn.h>
#include <voluta/kernels/softmax/softmax_engines.h>

namespace voluta::softmax {
namespace {

constexpr int kClassAxis = 1;

dnnl::softmax_forward::primitive_desc forward_descriptor(const Shape& shape) {
  return {{dnnl::prop_kind::forward_training, onednn::dense_desc(shape), kClassAxis},
          onednn::user_scratchpad(),
          onednn::engine()};
}

Execution prepare(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const auto matrix = onednn::dense_desc(shape);
  onednn::Program program;
  program.add(
      dnnl::softmax_forward(forward_descriptor(shape)),
      {{DNNL_ARG_SRC, matrix, onednn::input(0)}, {DNNL_ARG_DST, matrix, onednn::output(0)}});
  return std::move(program).execution();
}

Execution prepare_gradient(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const auto matrix = onednn::dense_desc(shape);
  const dnnl::softmax_backward::primitive_desc descriptor(
      {matrix, matrix, kClassAxis}, onednn::user_scratchpad(), onednn::engine(),
      forward_descriptor(shape));
  onednn::Program program;
  program.add(dnnl::softmax_backward(descriptor), {{DNNL_ARG_DST, matrix, onednn::input(0)},
                                                   {DNNL_ARG_DIFF_DST, matrix, onednn::input(1)},
                                                   {DNNL_ARG_DIFF_SRC, matrix, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, onednn::supports_f32,
                     prepare};
const Engine kGradientOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, onednn::supports_f32,
                             prepare_gradient};

}  // namespace voluta::softmax
