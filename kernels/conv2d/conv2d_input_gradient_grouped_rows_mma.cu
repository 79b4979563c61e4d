// conv2d_input_gradient, algorithm "grouped_rows_mma" (bf16, f16): windows of dy, found in the rows that a
// block keeps, as the forward kernel of that name finds those of x. With a stride each phase of the pixels
// (conv2d_phases.cuh) is a convolution of dy of its own, with its own taps and without a stride.
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg])   where p*u-top+r*l = h, q likewise
//                 d: a residual and a gate, conv2d.h and kernels/common/epilogue.cuh
//   rows N*H'*W' of a phase, columns C, depth r, s, k' of the column's own group, last tap first: windows
//   are then found as forward
//   grid   a launch a phase: (runs of tiles of 128 of its pixels, slabs of 32 channels of dx; 64 in groups
//          of 32)     block 128
//   smem, maps: the forward kernel's
//   regs   of groups of 4, 8, 16 channels of dx, and of 32 in slabs of 64; no spills
//          octets 155, 144, 144, 215 (sm_80)   154, 146, 144, 216 (sm_90a)
//          quads  146, 129, 129, 184 (sm_80)   153, 137, 135, 195 (sm_90a)
//   limits the forward kernel's, C and K in each other's place; strides no longer than the filter, and no
//          factor in common with a dilation, so that each phase has a tap. Sums: relu, relu6 or no activation
//   bound  as forward: memory, of which shared memory leaves 80-90 %. With a stride of 2 four launches read
//          dy, three of them from L2
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/conv2d/conv2d_grouped_rows_mma.cuh>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/conv2d/conv2d_phases.cuh>

#include <vector>

namespace voluta::grouped_rows_mma {
namespace {

// A phase of dx. g: the convolution of dy that computes it.
template <class T>
struct PhaseOutputs {
  using Out = T;
  using Place = Tile;

  T* dx;  // [N,H,W,C]
  Epilogue<T> epilogue;
  NormInFront<T> norm;
  float* sums;  // [parts, 2, C], where there is a norm
  bool vector_store;
  Conv2dKernelGeometry g;
  Phase vertical, horizontal;
  FastDivisor by_columns, by_rows;        // of the phase
  int height, width, stride_h, stride_w;  // of dx and between its pixels of the phase
  int first_part;

  __device__ T* output(const Place&, int row) const { return dx + offset(row); }
  __device__ const T* residual(const Place&, int row) const {
    return epilogue.residual == nullptr ? nullptr : epilogue.residual + offset(row);
  }
  __device__ float gate(float x, float output) const {
    return epilogue.gate.through_kept(x, output);
  }
  __device__ const T* kept(const Place&, int row) const {
    return epilogue.kept == nullptr ? nullptr : epilogue.kept + offset(row);
  }

  __device__ const T* z(const Place&, int row) const { return norm.z + offset(row); }
  __device__ int channel(const Place&, int column) const { return column; }
  __device__ MomentTarget sum_target(const Place& place) const {
    const int part = first_part + place.first_row / static_cast<int>(kSumRows);
    return {.out = sums + int64_t{2} * part * g.k + place.first_column,
            .stride = g.k,
            .columns = place.columns - place.first_column,
            .rows = min(static_cast<int>(kSumRows), place.rows - place.first_row)};
  }

 private:
  __device__ int offset(int n) const {
    const int j = by_columns.take_remainder(n), i = by_rows.take_remainder(n);
    const int h = vertical.first + i * stride_h, w = horizontal.first + j * stride_w;
    return ((n * height + h) * width + w) * g.k;
  }
};

// A phase of the pixels, and the convolution of dy that computes it.
struct PhaseConvolution {
  Phase vertical, horizontal;
  Conv2dGeometry g;
  FilterStrides filter;
};

PhaseConvolution phase_convolution(const Conv2dGeometry& g, const PhasedAxis& rows,
                                   const PhasedAxis& columns, int row, int column) {
  const Phase down(rows, row), across(columns, column);
  const auto before = [](const PhasedAxis& axis, const Phase& phase) {  // padding
    return int64_t{phase.taps - 1} * axis.tap_offset - phase.first_output;
  };
  const auto last_tap = [](const PhasedAxis& axis, const Phase& phase) {
    return phase.first_tap + int64_t{phase.taps - 1} * axis.tap_step;
  };
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  return {.vertical = down,
          .horizontal = across,
          .g = {.n = g.n,
                .h = g.p,
                .w = g.q,
                .c = g.k,
                .k = g.c,
                .r = down.taps,
                .s = across.taps,
                .p = down.pixels,
                .q = across.pixels,
                .u = 1,
                .v = 1,
                .l = rows.tap_offset,
                .m = columns.tap_offset,
                .top = before(rows, down),
                .left = before(columns, across),
                .groups = g.groups,
                .group_c = g.group_k,
                .group_k = g.group_c},
          .filter = {.group = narrow(g.group_k * g.r * g.s * g.group_c),
                     .column = 1,
                     .row = narrow(-rows.tap_step * g.s * g.group_c),
                     .tap = narrow(-columns.tap_step * g.group_c),
                     .channel = narrow(g.r * g.s * g.group_c),
                     .first = narrow((last_tap(rows, down) * g.s + last_tap(columns, across)) *
                                     g.group_c)}};
}

// f(phase of the rows, of the columns, their convolution) until it returns false.
template <class F>
void for_each_phase(const Conv2dGeometry& g, F f) {
  const PhasedAxis rows(g.h, g.r, g.p, g.u, g.l, g.top), columns(g.w, g.s, g.q, g.v, g.m, g.left);
  for (int row = 0; row < rows.phases; ++row) {
    for (int column = 0; column < columns.phases; ++column) {
      if (!f(row, column, phase_convolution(g, rows, columns, row, column))) return;
    }
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return {0, [g, epilogue = EpilogueBinder(problem), norm = NormInFrontBinder(problem)](
                 const Args& args, Stream& stream) {
            const SumParts<int> parts(g);
            for_each_phase(g, [&](int row, int column, const PhaseConvolution& phase) {
              View<PhaseOutputs<T>> view = {};
              view.x = args.in<T>(0);
              view.w = args.in<T>(1);
              view.filter = phase.filter;
              view.g = kernel_geometry(phase.g);
              view.dx = args.out<T>(0);
              view.epilogue = epilogue.bind<T>(args);
              view.norm = norm.bind<T>(args);
              view.sums = norm.sums(args);
              view.vector_store =
                  implicit_gemm::whole_chunks<T>(g.c) &&
                  aligned16(view.dx, view.norm.z, view.epilogue.residual, view.epilogue.kept);
              view.vertical = phase.vertical;
              view.horizontal = phase.horizontal;
              view.by_rows = FastDivisor(phase.vertical.pixels);
              view.by_columns = FastDivisor(phase.horizontal.pixels);
              view.height = static_cast<int>(g.h);
              view.width = static_cast<int>(g.w);
              view.stride_h = static_cast<int>(g.u);
              view.stride_w = static_cast<int>(g.v);
              view.first_part = parts.first(row, column);
              launch_rows(stream, "conv2d_input_gradient_grouped_rows_mma", view, phase.g);
              return true;
            });
          }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].dtype == DType::bf16 ? prepare_as<BFloat16>(problem)
                                                : prepare_as<Float16>(problem);
}

Support supports(const Problem& problem) {
  if (const Support sums = supports_sums(problem); !sums.ok) return sums;
  if (const Support limits = implicit_gemm_mma::within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (g.u > g.r || g.v > g.s || std::gcd(g.u, g.l) != 1 || std::gcd(g.v, g.m) != 1) {
    return Support::no("a phase of the stride may have no tap");
  }
  Support support = Support::yes();
  for_each_phase(g, [&](int, int, const PhaseConvolution& phase) {
    support = supports_groups(phase.g);
    return support.ok;
  });
  return support;
}

}  // namespace
}  // namespace voluta::grouped_rows_mma

namespace voluta {

const Engine kConv2dInputGradientGroupedRowsMma =
    mma_product::half_engine<grouped_rows_mma::supports>("grouped_rows_mma",
                                                         grouped_rows_mma::prepare);

}  // namespace voluta
