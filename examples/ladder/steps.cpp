#include <voluta/examples/ladder/ladder.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

namespace voluta::ladder {

Extents extents_of(const Problem& problem) {
  const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
  return {g.n, g.h, g.w, g.c, g.k};
}

Support supports(const Problem& problem, int channels, int filters) {
  constexpr int64_t kLimit = (int64_t{1} << 31) - (int64_t{1} << 16);  // tiles reach past the end
  if (problem.op != &op<Conv2d>()) return Support::no("forward convolution only");
  if (problem.outputs[0].dtype != DType::bf16) return Support::no("bf16 only");
  const Conv2dOptions& options = conv2d_options(problem);
  const Conv2dGeometry g = conv2d_geometry(problem);
  const bool plain = problem.inputs.size() == 2 && problem.outputs.size() == 1 &&
                     options.activation == ActivationKind::kNone;
  if (!plain) return Support::no("neither bias nor activation");
  const bool is_3x3 = g.r == 3 && g.s == 3 && options.padding == Padding2d(1) && g.u == 1 &&
                      g.v == 1 && g.l == 1 && g.m == 1 && g.groups == 1;
  if (!is_3x3) return Support::no("3x3, stride 1, padding 1, one group only");
  if (g.c % channels != 0 || g.k % filters != 0) {
    return Support::no("C % " + std::to_string(channels) + " or K % " + std::to_string(filters) +
                       " is not 0");
  }
  const int64_t pixels = g.n * g.h * g.w;
  if (pixels * g.c >= kLimit || pixels * g.k >= kLimit || kTaps * g.c * g.k >= kLimit) {
    return Support::no("a tensor of nearly 2^31 elements");
  }
  return Support::yes();
}

std::span<const Step> steps() {
  static const Step kSteps[] = {
      {"01_naive", &kNaive},
      {"02_tiled", &kTiled},
      {"03_register_tiles", &kRegisterTiles},
      {"04_double_buffered", &kDoubleBuffered},
      {"05_mma", &kMma},
      {"06_multi_stage", &kMultiStage},
      {"06b_padded_rows", &kPaddedRows},
      {"07_tma_wgmma", &kTmaWgmma},
      {"07b_small_tiles", &kSmallTiles},
      {"08_persistent", &kConv2dImplicitGemmTmaWgmma},
  };
  return kSteps;
}

}  // namespace voluta::ladder
