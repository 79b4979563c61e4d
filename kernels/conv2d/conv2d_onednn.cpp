// conv2d on the CPU, by oneDNN.
//
// Note [Layouts of oneDNN's convolutions]
// Activations stay NHWC. Filters are reordered on every run into the layout that the primitive asks
// for (format_tag::any): with plain KRSC filters oneDNN 2.6 has nothing but its "ref" loops in all
// three directions, 20 to 1000 times slower, while the reorder costs a few percent. Where NHWC with
// its choice of filters still ends at "ref", all three layouts are left to the primitive.
//
// Note [Epilogues on the CPU]
// Scale, shift and residual are a loop of ours behind the primitive, not its post-operations: oneDNN
// 2.6's rectifiers turn NaN into 0, so that what mostly comes behind them is a loop already, and one
// pass over y does it all.

#include <voluta/kernels/common/onednn.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <functional>
#include <string_view>

namespace voluta {
namespace {

using dnnl::memory;

// Our layouts of the three tensors.
struct Layouts {
  memory::desc x, w, y;
};

// What oneDNN's constructors of all three directions take.
struct Window {
  memory::dims strides, dilations, padding_begin, padding_end;
};

Layouts layouts_of(const Conv2dGeometry& g) {
  return {onednn::nhwc_desc({g.n, g.h, g.w, g.c}),
          onednn::krsc_desc({g.k, g.r, g.s, g.group_c}, g.groups),
          onednn::nhwc_desc({g.n, g.p, g.q, g.k})};
}

Window window_of(const Problem& problem) {
  const Conv2dOptions& options = conv2d_options(problem);
  const Padding2d& pad = options.padding;
  return {{options.stride[0], options.stride[1]},
          {options.dilation[0] - 1, options.dilation[1] - 1},  // oneDNN counts the skipped pixels
          {pad.top, pad.left},
          {pad.bottom, pad.right}};
}

dnnl::convolution_forward::primitive_desc forward_descriptor(
    const Layouts& layouts, const memory::desc& bias, const Window& window,
    const dnnl::primitive_attr& attributes = onednn::user_scratchpad()) {
  return {
      {dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, layouts.x, layouts.w,
       bias, layouts.y, window.strides, window.dilations, window.padding_begin, window.padding_end},
      attributes,
      onednn::engine()};
}

// The first choice that does not end at oneDNN's unoptimised loops: NHWC activations, else
// anything. See Note [Layouts of oneDNN's convolutions].
template <class MakeDescriptor>
auto best_descriptor(const Layouts& ours, const MakeDescriptor& make) {
  const Layouts nhwc = {ours.x, onednn::any_layout(ours.w), ours.y};
  const Layouts any = {onednn::any_layout(ours.x), nhwc.w, onednn::any_layout(ours.y)};
  auto is_slow = [](const auto& descriptor) {
    return std::string_view(descriptor.impl_info_str()).starts_with("ref");
  };
  auto chosen = make(nhwc);
  if (is_slow(chosen)) {
    auto other = make(any);
    if (!is_slow(other)) chosen = other;
  }
  return chosen;
}

// Runs the primitive into the output's layout, by way of the workspace where its own differs.
void add_with_output(onednn::Program& program, const dnnl::primitive& primitive,
                     std::vector<onednn::Operand> operands, int argument,
                     const memory::desc& produced, const memory::desc& ours) {
  const bool direct = produced == ours;
  const onednn::Place target = direct ? onednn::output(0) : program.scratch(produced);
  operands.push_back({argument, produced, target});
  program.add(primitive, std::move(operands));
  if (!direct) program.reorder(produced, target, ours, onednn::output(0));
}

// y = f(y * scale[k] + shift[k] + z) in place, y a matrix [rows, K], z like y; kinds that need
// exponentials are left to activate(), which has no vector form.
template <ActivationKind kind>
void run_epilogue(int64_t rows, int64_t channels, const float* scale, const float* shift,
                  const float* residual, float* y) {
#pragma omp parallel for if (rows * channels > kParallelElements)
  for (int64_t row = 0; row < rows; ++row) {
    float* const of = y + row * channels;
    if (scale != nullptr) {
#pragma omp simd
      for (int64_t k = 0; k < channels; ++k) of[k] = of[k] * scale[k] + shift[k];
    }
    if (residual != nullptr) {
      const float* const z = residual + row * channels;
#pragma omp simd
      for (int64_t k = 0; k < channels; ++k) of[k] += z[k];
    }
#pragma omp simd
    for (int64_t k = 0; k < channels; ++k) of[k] = activate(kind, of[k]);
  }
}

// What of the epilogue comes behind sum and bias, in one pass over y. See Note [Epilogues on the
// CPU].
std::function<void(const Args&)> epilogue_loop(const Problem& problem) {
  using enum ActivationKind;
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Conv2dEpilogueInputs of = conv2d_epilogue_inputs(problem);
  const auto loop = [&] {
    switch (conv2d_options(problem).activation) {
      case kRelu:
        return run_epilogue<kRelu>;
      case kRelu6:
        return run_epilogue<kRelu6>;
      case kTanh:
        return run_epilogue<kTanh>;
      case kSigmoid:
        return run_epilogue<kSigmoid>;
      case kLeakyRelu:
        return run_epilogue<kLeakyRelu>;
      case kHardswish:
        return run_epilogue<kHardswish>;
      case kSilu:
        return run_epilogue<kSilu>;
      default:
        return run_epilogue<kNone>;
    }
  }();
  return [=](const Args& args) {
    loop(g.n * g.p * g.q, g.k, of.address<float>(args, of.scale), of.address<float>(args, of.shift),
         of.address<float>(args, of.residual), args.out<float>(0));
  };
}

Execution prepare_forward(const Problem& problem) {
  const Layouts ours = layouts_of(conv2d_geometry(problem));
  const Window window = window_of(problem);
  const Conv2dEpilogueInputs of = conv2d_epilogue_inputs(problem);
  const ActivationKind activation = conv2d_options(problem).activation;
  const bool behind = of.scale != 0 || of.residual != 0;  // the activation comes after these
  const memory::desc bias = of.bias ? onednn::dense_desc(problem.inputs[2].shape) : memory::desc();
  const auto descriptor = best_descriptor(ours, [&](const Layouts& layouts) {
    return forward_descriptor(layouts, bias, window,
                              onednn::activated(behind ? ActivationKind::kNone : activation));
  });

  onednn::Program program;
  std::vector<onednn::Operand> operands = {
      {DNNL_ARG_SRC, descriptor.src_desc(),
       program.as_layout(descriptor.src_desc(), ours.x, onednn::input(0))},
      {DNNL_ARG_WEIGHTS, descriptor.weights_desc(),
       program.as_layout(descriptor.weights_desc(), ours.w, onednn::input(1))}};
  if (of.bias) operands.push_back({DNNL_ARG_BIAS, bias, onednn::input(2)});
  add_with_output(program, dnnl::convolution_forward(descriptor), std::move(operands), DNNL_ARG_DST,
                  descriptor.dst_desc(), ours.y);
  if (behind) {
    program.then(epilogue_loop(problem));
  } else {
    program.activate(activation, problem.outputs[0].shape.elements());
  }
  return std::move(program).execution();
}

Execution prepare_input_gradient(const Problem& problem) {
  const Layouts ours = layouts_of(conv2d_geometry(problem));
  const Window window = window_of(problem);
  const auto descriptor = best_descriptor(ours, [&](const Layouts& layouts) {
    return dnnl::convolution_backward_data::primitive_desc(
        {dnnl::algorithm::convolution_direct, layouts.x, layouts.w, layouts.y, window.strides,
         window.dilations, window.padding_begin, window.padding_end},
        onednn::user_scratchpad(), onednn::engine(),
        forward_descriptor(layouts, memory::desc(), window));
  });

  onednn::Program program;
  std::vector<onednn::Operand> operands = {
      {DNNL_ARG_DIFF_DST, descriptor.diff_dst_desc(),
       program.as_layout(descriptor.diff_dst_desc(), ours.y, onednn::input(0))},
      {DNNL_ARG_WEIGHTS, descriptor.weights_desc(),
       program.as_layout(descriptor.weights_desc(), ours.w, onednn::input(1))}};
  add_with_output(program, dnnl::convolution_backward_data(descriptor), std::move(operands),
                  DNNL_ARG_DIFF_SRC, descriptor.diff_src_desc(), ours.x);
  return std::move(program).execution();
}

Execution prepare_filter_gradient(const Problem& problem) {
  const Layouts ours = layouts_of(conv2d_geometry(problem));
  const Window window = window_of(problem);
  const auto descriptor = best_descriptor(ours, [&](const Layouts& layouts) {
    return dnnl::convolution_backward_weights::primitive_desc(
        {dnnl::algorithm::convolution_direct, layouts.x, layouts.w, layouts.y, window.strides,
         window.dilations, window.padding_begin, window.padding_end},
        onednn::user_scratchpad(), onednn::engine(),
        forward_descriptor(layouts, memory::desc(), window));
  });

  onednn::Program program;
  std::vector<onednn::Operand> operands = {
      {DNNL_ARG_SRC, descriptor.src_desc(),
       program.as_layout(descriptor.src_desc(), ours.x, onednn::input(0))},
      {DNNL_ARG_DIFF_DST, descriptor.diff_dst_desc(),
       program.as_layout(descriptor.diff_dst_desc(), ours.y, onednn::input(1))}};
  add_with_output(program, dnnl::convolution_backward_weights(descriptor), std::move(operands),
                  DNNL_ARG_DIFF_WEIGHTS, descriptor.diff_weights_desc(), ours.w);
  return std::move(program).execution();
}

Support supports_plain(const Problem& problem) {
  if (const Support support = supports_one_output(problem); !support.ok) return support;
  if (const Support support = supports_no_prologue(problem); !support.ok) return support;
  if (const Support support = supports_no_gradient_epilogue(problem); !support.ok) return support;
  return onednn::supports_f32(problem);
}

}  // namespace

const Engine kConv2dOnednn = {"onednn", DeviceType::kCpu, EngineRole::kProduct, supports_plain,
                              prepare_forward};
const Engine kConv2dInputGradientOnednn = {"onednn", DeviceType::kCpu, EngineRole::kProduct,
                                           supports_plain, prepare_input_gradient};
const Engine kConv2dFilterGradientOnednn = {"onednn", DeviceType::kCpu, EngineRole::kProduct,
                                            supports_plain, prepare_filter_gradient};

}  // namespace voluta
