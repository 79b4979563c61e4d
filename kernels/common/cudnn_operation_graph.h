#pragma once

// A convolution and its epilogue as a graph of cuDNN's operations. Internal to the files on graphs
// of cuDNN.

#include <voluta/kernels/common/cudnn_descriptor.h>
#include <voluta/kernels/common/cudnn_plans.h>

#include <deque>
#include <vector>

#if VOLUTA_HAS_CUDNN

namespace voluta {

// With all the descriptors that it is made of.
class CudnnOperationGraph {
 public:
  explicit CudnnOperationGraph(const CudnnConvolution& convolution);

  const CudnnDescriptor& graph() const { return parts_.back(); }

  // Of the op's inputs in their order, then of its output.
  const std::vector<int64_t>& tensor_names() const { return names_; }

 private:
  using Shape = std::array<int64_t, 4>;

  // One step of the epilogue: f(sum), or f(sum, other).
  struct Step {
    cudnnPointwiseMode_t mode;
    const CudnnDescriptor* other = nullptr;
  };

  const CudnnDescriptor& add_tensor(DType dtype, const Shape& shape, bool in_memory);
  const CudnnDescriptor& add_input(DType dtype, const Shape& shape);
  const CudnnDescriptor& add_output(DType dtype, const Shape& shape);
  void add_convolution(const CudnnConvolution& c, const CudnnDescriptor& x,
                       const CudnnDescriptor& w, const CudnnDescriptor& y);
  void add_pointwise(const CudnnConvolution& c, const Step& step, const CudnnDescriptor& x,
                     const CudnnDescriptor& y);
  std::vector<Step> add_steps(const CudnnConvolution& c);
  void add_forward(const CudnnConvolution& c);
  void finalize();

  std::deque<CudnnDescriptor> parts_;
  std::vector<cudnnBackendDescriptor_t> operations_;
  std::vector<int64_t> names_;
  int64_t next_name_ = 1;
};

}  // namespace voluta

#endif
