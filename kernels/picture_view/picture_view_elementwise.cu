// view_pictures, algorithm "elementwise": each thread gathers four neighbours of a line, or one where
// lines are no multiple of four.
//   y[n,h,w,c] = values[c, pictures[index_n, h + down_n, w' + right_n, c]]        (picture_view.h)
//   grid   grid-stride over groups of elements, at most 4096 blocks     block 256     smem 0
//   regs   39-40 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...: elements 4i .. 4i+3 of y, which lie in
//          one line; divisions by invariant numbers say where
//   limits f32; pictures and y below 2^31 elements
//   bound  memory: a byte read and 4 written an element; the table stays in the L1
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/picture_view/picture_view_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta::picture_view {
namespace {

struct Grid {
  FastDivisor line, height, channels;
  Extents extents;
  int64_t count;

  Grid(const Extents& e, int64_t elements)
      : line(e.width * e.channels),
        height(e.height),
        channels(e.channels),
        extents(e),
        count(elements) {}
};

template <int kWidth>
__global__ void __launch_bounds__(kElementwiseBlock)
    view_pictures(const uint8_t* pictures, const float* values, const int64_t* views, float* y,
                  Grid grid) {
  const int64_t groups = grid.count / kWidth;
  for (int64_t group = grid_thread(); group < groups; group += grid_threads()) {
    int n = static_cast<int>(group * kWidth);
    const int element = grid.line.take_remainder(n);
    const int row = grid.height.take_remainder(n);
    const View view(views + int64_t{4} * n);
    const bool named = view.names_one(grid.extents);
    Floats<kWidth> result;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      int column = element + lane;
      const int c = grid.channels.take_remainder(column);
      result.lane[lane] =
          named ? values[c * kLevels + view.level(pictures, grid.extents, row, column, c)]
                : nanf("");
    }
    store<kWidth>(y, group, result);
  }
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.outputs[0].shape.elements();
  return {.run = [e = Extents(problem.inputs[0].shape), count](const Args& args, Stream& stream) {
    float* y = args.out<float>(0);
    const Grid grid(e, count);
    const auto run = [&]<int kWidth>() {
      launch(stream, "view_pictures", elementwise_shape(count / kWidth), view_pictures<kWidth>,
             args.in<uint8_t>(0), args.in<float>(1), args.in<int64_t>(2), y, grid);
    };
    if (e.width * e.channels % 4 == 0 && aligned16(y)) {
      run.template operator()<4>();
    } else {
      run.template operator()<1>();
    }
  }};
}

}  // namespace

const Engine kElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                          supports_f32_int32, prepare};

}  // namespace voluta::picture_view
