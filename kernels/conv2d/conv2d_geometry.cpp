#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <string>

namespace voluta {

Conv2dGeometry conv2d_geometry(const Conv2dOptions& options, const Shape& x, const Shape& w,
                               const Shape& y) {
  const int64_t groups = options.groups;
  return {.n = x[0],
          .h = x[1],
          .w = x[2],
          .c = x[3],
          .k = w[0],
          .r = w[1],
          .s = w[2],
          .p = y[1],
          .q = y[2],
          .u = options.stride[0],
          .v = options.stride[1],
          .l = options.dilation[0],
          .m = options.dilation[1],
          .top = options.padding.top,
          .left = options.padding.left,
          .groups = groups,
          .group_c = x[3] / groups,
          .group_k = w[0] / groups};
}

const Conv2dOptions& conv2d_options(const Problem& problem) {
  if (problem.op->name == Conv2d::kName) return problem.options_as<Conv2dOptions>();
  if (problem.op->name == Conv2dInputGradient::kName) {
    return problem.options_as<Conv2dInputGradientOptions>().conv;
  }
  return problem.options_as<Conv2dFilterGradientOptions>().conv;
}

Conv2dGeometry conv2d_geometry(const Problem& problem) {
  const Conv2dOptions& options = conv2d_options(problem);
  const Shape &first = problem.inputs[0].shape, &second = problem.inputs[1].shape,
              &out = problem.outputs[0].shape;
  if (problem.op->name == Conv2d::kName) return conv2d_geometry(options, first, second, out);
  if (problem.op->name == Conv2dInputGradient::kName) {
    return conv2d_geometry(options, out, second, first);
  }
  return conv2d_geometry(options, first, out, second);
}

Conv2dKernelGeometry kernel_geometry(const Conv2dGeometry& g) {
  auto narrow = [](int64_t value) { return static_cast<int>(value); };
  return {.n = narrow(g.n),
          .h = narrow(g.h),
          .w = narrow(g.w),
          .c = narrow(g.c),
          .k = narrow(g.k),
          .r = narrow(g.r),
          .s = narrow(g.s),
          .p = narrow(g.p),
          .q = narrow(g.q),
          .u = narrow(g.u),
          .v = narrow(g.v),
          .l = narrow(g.l),
          .m = narrow(g.m),
          .top = narrow(g.top),
          .left = narrow(g.left),
          .groups = narrow(g.groups),
          .group_c = narrow(g.group_c),
          .group_k = narrow(g.group_k)};
}

namespace {

Conv2dEpilogueInputs epilogue_inputs(const Conv2dInputGradientOptions& options) {
  Conv2dEpilogueInputs inputs;
  std::size_t end = 2;
  if (options.residual) inputs.residual = end++;
  if (options.gate != ActivationKind::kNone) inputs.kept = end++;
  return inputs;
}

}  // namespace

Conv2dEpilogueInputs conv2d_epilogue_inputs(const Problem& problem) {
  if (problem.op->name == Conv2dInputGradient::kName) {
    return epilogue_inputs(problem.options_as<Conv2dInputGradientOptions>());
  }
  if (problem.op->name != Conv2d::kName) return {};
  const Conv2dOptions& options = conv2d_options(problem);
  Conv2dEpilogueInputs inputs;
  std::size_t end = problem.inputs.size() - (options.prologue.normalise ? 1 : 0);
  if (options.residual) inputs.residual = --end;
  if (options.scale_shift) {
    inputs.shift = --end;
    inputs.scale = --end;
  }
  if (end == 3) inputs.bias = 2;
  return inputs;
}

std::size_t conv2d_normaliser(const Problem& problem) {
  return conv2d_options(problem).prologue.normalise ? problem.inputs.size() - 1 : 0;
}

Problem without_prologue(const Problem& problem) {
  if (!conv2d_options(problem).prologue.normalise) return problem;
  std::vector<TensorType> inputs(problem.inputs.begin(), problem.inputs.end() - 1);
  if (problem.op->name == Conv2d::kName) {
    Conv2dOptions options = problem.options_as<Conv2dOptions>();
    options.prologue = {};
    return make_problem<Conv2d>(options, std::move(inputs));
  }
  auto options = problem.options_as<Conv2dFilterGradientOptions>();
  options.conv.prologue = {};
  return make_problem<Conv2dFilterGradient>(options, std::move(inputs));
}

int64_t conv2d_epilogue_roundings(const Problem& problem) {
  const Conv2dEpilogueInputs inputs = conv2d_epilogue_inputs(problem);
  return (inputs.bias ? 1 : 0) + (inputs.scale ? 2 : 0) + (inputs.residual ? 1 : 0);
}

std::size_t conv2d_norm_in_front(const Conv2dInputGradientOptions& options) {
  const Conv2dEpilogueInputs inputs = epilogue_inputs(options);
  return 2 + (inputs.residual ? 1 : 0) + (inputs.kept ? 1 : 0);
}

Support supports_no_gradient_epilogue(const Problem& problem) {
  if (problem.op->name != Conv2dInputGradient::kName) return Support::yes();
  const Conv2dEpilogueInputs inputs = conv2d_epilogue_inputs(problem);
  if (!inputs.residual && !inputs.kept) return Support::yes();
  return Support::no("stores dx as it is, with neither a residual nor a gate");
}

Support supports_one_output(const Problem& problem) {
  if (problem.outputs.size() == 1) return Support::yes();
  return Support::no("computes neither moments nor sums of its output");
}

Support supports_no_prologue(const Problem& problem) {
  if (conv2d_normaliser(problem) == 0) return Support::yes();
  return Support::no("takes no prologue");
}

Support supports_conv2d_kernel(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype != DType::f32) {
    return Support::no("computes in f32, not " + std::string(name_of(dtype)));
  }
  return supports_conv2d_indices(problem);
}

Support supports_conv2d_indices(const Problem& problem) {
  constexpr int64_t kIndices = int64_t{1} << 31, kPadded = int64_t{1} << 30;
  if (const Support plain = supports_no_prologue(problem); !plain.ok) return plain;
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      if (type.shape.elements() >= kIndices)
        return Support::no("a tensor of 2^31 elements or more");
    }
  }
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Padding2d& pad = conv2d_options(problem).padding;
  if (g.h + pad.top + pad.bottom >= kPadded || g.w + pad.left + pad.right >= kPadded ||
      g.u >= kPadded || g.v >= kPadded || g.l >= kPadded || g.m >= kPadded) {
    return Support::no("a padded image, stride or dilation of 2^30 or more");
  }
  return Support::yes();
}

Support supports_conv2d_product(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  // Tiles and splits, rounded up, reach past the end.
  constexpr int64_t kLimit = (int64_t{1} << 31) - (int64_t{1} << 16);
  if (g.n * g.p * g.q >= kLimit || g.n * g.h * g.w >= kLimit || g.r * g.s * g.c >= kLimit ||
      g.r * g.s * g.k >= kLimit) {
    return Support::no("a matrix of nearly 2^31 rows or columns");
  }
  return Support::yes();
}

}  // namespace voluta
