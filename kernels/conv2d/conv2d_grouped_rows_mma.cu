// conv2d, algorithm "grouped_rows_mma" (bf16, f16): for groups of a few channels (ResNeXt), of which a tile of
// an implicit matrix product would be mostly empty. Several groups' channels of the rows under a block's
// pixels stay in shared memory as they are, and each group's windows are found there.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//   rows N*P*Q, columns K, depth r, s, c' of the column's own group
//   grid   (runs of tiles of 128 pixels, slabs of 32 channels of y; 64 in groups of 32)     block 128
//   smem   outputs, filters, a ring of rows: 67 KiB for 56 x 56 pixels in groups of 4, up to 96 KiB
//   regs   of groups that write 4, 8, 16 channels, and 32 in slabs of 64; no spills
//          octets 138, 131, 133, 194 (sm_80)   138, 130, 131, 195 (sm_90a)
//          quads  128, 115, 118, 176 (sm_80)   134, 120, 120, 174 (sm_90a)
//   maps   2 x 2 warps, each 64 pixels x half the slab; the ring: conv2d_rows_ring.cuh; the depth and
//          groups that share a fragment: conv2d_grouped_rows_tile.cuh
//
//            channels of y   0 .. 3 | 4 .. 7 | 8 .. 11 | 12 .. 15 | 16 ..
//            fragments      |       0        |         1          | 2        (groups of 4: two in each)
//            pixels   0-63  |           warp 0                    | warp 1
//                    64-127 |           warp 2                    | warp 3
//
//   limits two groups or more, which read 4, 8, 12 .. 32 channels and write 4, 8, 16 or 32; up to 96 KiB of
//          shared memory; fewer than 2^31 elements a tensor
//   bound  memory, 4 bytes an output where C = K and the stride is 1: 12 us for ResNeXt-50's first layers of
//          32 images. Shared memory is asked for more: 24, 20, 18, 18 bytes of windows an output for groups
//          of 4, 8, 16, 32 channels, 2-9 of filters, 7 of rows and outputs on their way: 30-34 where a
//          Hopper chip moves 28 in the time of those 4. So 80-90 % of the memory's rate at best; tensor
//          cores are busy a third of that time, half of it with the other group of a fragment of two. An mma
//          costs 13, 6, 4, 3 instructions; the 13, half of them moves between registers (the pairs of a
//          pixel are no neighbours in operand A), are 70 % of what is issued in that time
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_forward_outputs.cuh>
#include <voluta/kernels/conv2d/conv2d_grouped_rows_mma.cuh>

namespace voluta::grouped_rows_mma {
namespace {

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return {0, [g, epilogue = EpilogueBinder(problem)](const Args& args, Stream& stream) {
            View<implicit_gemm::ForwardOutputs<T>> view = {};
            view.x = args.in<T>(0);
            view.w = args.in<T>(1);
            view.g = kernel_geometry(g);
            view.bind(args, epilogue);
            view.vector_store =
                implicit_gemm::whole_chunks<T>(g.k) && aligned16(view.y, view.epilogue.residual);
            const int row = view.g.s * view.g.group_c;
            view.filter = {.group = view.g.group_k * view.g.r * row,
                           .column = view.g.r * row,
                           .row = row,
                           .tap = view.g.group_c,
                           .channel = 1,
                           .first = 0};
            launch_rows(stream, "conv2d_grouped_rows_mma", view, g);
          }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].dtype == DType::bf16 ? prepare_as<BFloat16>(problem)
                                                : prepare_as<Float16>(problem);
}

Support supports(const Problem& problem) {
  const Support limits = implicit_gemm_mma::within_limits(problem);
  return limits.ok ? supports_groups(conv2d_geometry(problem)) : limits;
}

}  // namespace
}  // namespace voluta::grouped_rows_mma

namespace voluta {

const Engine kConv2dGroupedRowsMma = mma_product::half_engine<grouped_rows_mma::supports>(
    "grouped_rows_mma", grouped_rows_mma::prepare);

}  // namespace voluta
