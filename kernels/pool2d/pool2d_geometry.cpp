#include <voluta/kernels/pool2d/pool2d_engines.h>

namespace voluta {

const Pool2dOptions& pool2d_options(const Problem& problem) {
  if (problem.op->name == Pool2d::kName) return problem.options_as<Pool2dOptions>();
  return problem.options_as<Pool2dGradientOptions>().pool;
}

Pool2dGeometry pool2d_geometry(const Problem& problem) {
  const bool forward = problem.op->name == Pool2d::kName;
  const Shape& x = forward ? problem.inputs[0].shape : problem.outputs[0].shape;
  const Shape& y = forward ? problem.outputs[0].shape : problem.inputs[0].shape;
  const Pool2dOptions& options = pool2d_options(problem);
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  return {.n = narrow(x[0]),
          .h = narrow(x[1]),
          .w = narrow(x[2]),
          .c = narrow(x[3]),
          .p = narrow(y[1]),
          .q = narrow(y[2]),
          .r = narrow(options.window[0]),
          .s = narrow(options.window[1]),
          .u = narrow(options.stride[0]),
          .v = narrow(options.stride[1]),
          .top = narrow(options.padding.top),
          .left = narrow(options.padding.left),
          .padded_h = narrow(x[1] + options.padding.top + options.padding.bottom),
          .padded_w = narrow(x[2] + options.padding.left + options.padding.right),
          .count_include_pad = options.count_include_pad,
          .by_u = FastDivisor(options.stride[0]),
          .by_v = FastDivisor(options.stride[1])};
}

}  // namespace voluta
