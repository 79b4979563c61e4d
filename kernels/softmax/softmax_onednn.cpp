// softmax's gradient on the CPU, by oneDNN.

#include <voluta/kernels/common/onednn.h>
#include <voluta/kernels/softmax/softmax_engines.h>

namespace voluta::softmax {
namespace {

constexpr int kClassAxis = 1;

// The forward primitive that oneDNN's gradient wants as a hint.
dnnl::softmax_forward::primitive_desc forward_hint(const dnnl::memory::desc& matrix) {
  return {{dnnl::prop_kind::forward_training, matrix, kClassAxis}, onednn::engine()};
}

Execution prepare_gradient(const Problem& problem) {
  const auto matrix = onednn::dense_desc(problem.inputs[0].shape);
  const dnnl::softmax_backward::primitive_desc descriptor({matrix, matrix, kClassAxis},
                                                          onednn::user_scratchpad(),
                                                          onednn::engine(), forward_hint(matrix));
  onednn::Program program;
  program.add(dnnl::softmax_backward(descriptor), {{DNNL_ARG_DST, matrix, onednn::input(0)},
                                                   {DNNL_ARG_DIFF_DST, matrix, onednn::input(1)},
                                                   {DNNL_ARG_DIFF_SRC, matrix, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kGradientOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, onednn::supports_f32,
                             prepare_gradient};

}  // namespace voluta::softmax
