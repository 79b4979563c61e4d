#include <voluta/kernels/add/add_engines.h>
#include <voluta/kernels/common/onednn.h>

namespace voluta {
namespace {

Execution prepare(const Problem& problem) {
  const dnnl::memory::desc flat = onednn::dense_desc(Shape{problem.inputs[0].shape.elements()});
  const dnnl::binary::primitive_desc descriptor({dnnl::algorithm::binary_add, flat, flat, flat},
                                                onednn::user_scratchpad(), onednn::engine());
  onednn::Program program;
  program.add(dnnl::binary(descriptor), {{DNNL_ARG_SRC_0, flat, onednn::input(0)},
                                         {DNNL_ARG_SRC_1, flat, onednn::input(1)},
                                         {DNNL_ARG_DST, flat, onednn::output(0)}});
  return std::move(program).execution();
}

}  // namespace

const Engine kAddOnednn{"onednn", DeviceType::kCpu, EngineRole::kProduct, onednn::supports_f32,
                        prepare};

}  // namespace voluta
