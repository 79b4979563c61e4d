// erase_pictures, mix_pictures and mix_labels, algorithm "elementwise": each thread maps four
// neighbours of a line, or one where lines are no multiple of four.
//   y[n,h,w,c] = (h,w) in box_n ? 0 : x[n,h,w,c]
//   y[n,h,w,c] = (h,w) in box ? x[p,h,w,c] : share x[n,h,w,c] + (1 - share) x[p,h,w,c]
//   targets[n,k] = share [k = label_n] + (1 - share) [k = label_p]
//   grid   grid-stride over groups of elements, at most 4096 blocks     block 256     smem 0
//   regs   27-32 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...: elements 4i .. 4i+3 of x, which lie in
//          one line; two divisions by invariant numbers say in which, and a box is four comparisons
//   limits f32; below 2^31 elements
//   bound  memory: 8 bytes an element to erase, 12 to mix (8 where the partner comes from the L2)
//   measured never run on hardware

#include <voluta/kernels/augmentation/augmentation_rules.h>
#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta::augmentation {
namespace {

// Where an element of [N,H,W,C] lies.
struct Place {
  int picture, row, element;  // element: of the line
};

struct Grid {
  FastDivisor line, height;
  int pictures, picture_elements, channels;
  int64_t count;

  explicit Grid(const Extents& e)
      : line(e.line()),
        height(e.h),
        pictures(static_cast<int>(e.n)),
        picture_elements(static_cast<int>(e.picture())),
        channels(static_cast<int>(e.c)),
        count(e.n * e.picture()) {}

  __device__ Place place(int i) const {
    const int element = line.take_remainder(i);
    const int row = height.take_remainder(i);
    return {i, row, element};
  }
};

template <int kWidth>
__global__ void __launch_bounds__(kElementwiseBlock)
    erase_pictures(const float* x, const int64_t* boxes, float* y, Grid grid) {
  const int64_t groups = grid.count / kWidth;
  for (int64_t group = grid_thread(); group < groups; group += grid_threads()) {
    const Place at = grid.place(static_cast<int>(group * kWidth));
    const Box box(boxes + 4 * at.picture, grid.channels);
    Floats<kWidth> values = load<kWidth>(x, group);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      if (box.holds(at.row, at.element + lane)) values.lane[lane] = 0.0f;
    }
    store<kWidth>(y, group, values);
  }
}

template <int kWidth>
__global__ void __launch_bounds__(kElementwiseBlock)
    mix_pictures(const float* x, const float* share, const int64_t* four, float* y, Grid grid) {
  const Box box(four, grid.channels);
  const float own_share = *share;
  const int64_t groups = grid.count / kWidth;
  for (int64_t group = grid_thread(); group < groups; group += grid_threads()) {
    const Place at = grid.place(static_cast<int>(group * kWidth));
    const int64_t away = partner(at.picture, grid.pictures) - at.picture;
    const auto values = load<kWidth>(x, group);
    const auto others = load<kWidth>(x + away * grid.picture_elements, group);
    Floats<kWidth> result;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      result.lane[lane] = mixed(values.lane[lane], others.lane[lane], own_share,
                                box.holds(at.row, at.element + lane));
    }
    store<kWidth>(y, group, result);
  }
}

__global__ void __launch_bounds__(kElementwiseBlock)
    mix_labels(const int64_t* labels, const float* share, float* targets, int64_t* heavier_labels,
               int pictures, FastDivisor classes) {
  const int64_t count = int64_t{pictures} * classes.divisor;
  for (int64_t i = grid_thread(); i < count; i += grid_threads()) {
    int n = static_cast<int>(i);
    const int k = classes.take_remainder(n);
    const int64_t label = labels[n], other = labels[partner(n, pictures)];
    targets[i] = target(k, label, other, *share, classes.divisor);
    if (k == 0) heavier_labels[n] = heavier(label, other, *share);
  }
}

// Calls f.operator()<kWidth>() with the width at which lines can be cut.
template <class F>
void at_width(const Extents& e, bool aligned, F&& f) {
  if (e.line() % 4 == 0 && aligned) {
    f.template operator()<4>();
  } else {
    f.template operator()<1>();
  }
}

Execution prepare_erase(const Problem& problem) {
  return {.run = [e = Extents(problem)](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    at_width(e, aligned16(x, y), [&]<int kWidth>() {
      const Grid grid(e);
      launch(stream, "erase_pictures", elementwise_shape(grid.count / kWidth),
             erase_pictures<kWidth>, x, args.in<int64_t>(1), y, grid);
    });
  }};
}

Execution prepare_mix(const Problem& problem) {
  return {.run = [e = Extents(problem)](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    at_width(e, aligned16(x, y), [&]<int kWidth>() {
      const Grid grid(e);
      launch(stream, "mix_pictures", elementwise_shape(grid.count / kWidth), mix_pictures<kWidth>,
             x, args.in<float>(1), args.in<int64_t>(2), y, grid);
    });
  }};
}

Execution prepare_labels(const Problem& problem) {
  const int64_t n = problem.outputs[0].shape[0], classes = problem.outputs[0].shape[1];
  return {.run = [=](const Args& args, Stream& stream) {
    launch(stream, "mix_labels", elementwise_shape(n * classes), mix_labels, args.in<int64_t>(0),
           args.in<float>(1), args.out<float>(0), args.out<int64_t>(1), static_cast<int>(n),
           FastDivisor(classes));
  }};
}

}  // namespace

const Engine kEraseElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                               supports_f32_int32, prepare_erase};
const Engine kMixElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                             supports_f32_int32, prepare_mix};
const Engine kLabelsElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                supports_f32_int32, prepare_labels};

}  // namespace voluta::augmentation
