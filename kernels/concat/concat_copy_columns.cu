// concat, channel_slice and channel_pad, algorithm "copy_columns": a range of columns of one matrix
// goes to a range of columns of another, four neighbouring floats a thread where strides, offsets
// and addresses are multiples of four.
//   to[row, to_offset + c] = from[row, from_offset + c]     row < rows, c < columns
//   grid   (min(ceil(rows * columns / 4 / 256), 4096))     block 256     smem 0     regs 32
//          one launch for each input of concat
//   maps   item i of a grid-stride loop: row = i / (columns / 4), group of columns i % (columns / 4)
//            from | . . [c0 c1 c2 c3][c4 ...] . |        to | . . . . [c0 c1 c2 c3][c4 ...] |
//          channel_pad walks the output instead and writes zero where x has no channel
//   limits f32, fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/concat/concat_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// A ColumnCopy in items of kWidth floats.
struct Columns {
  FastDivisor columns;
  int items, from_stride, from_offset, to_stride, to_offset;
};

Columns in_items(const ColumnCopy& copy, int64_t walked_columns, int width) {
  const auto items_of = [&](int64_t floats) { return static_cast<int>(floats / width); };
  return {.columns = FastDivisor(walked_columns / width),
          .items = items_of(copy.rows * walked_columns),
          .from_stride = items_of(copy.from_stride),
          .from_offset = items_of(copy.from_offset),
          .to_stride = items_of(copy.to_stride),
          .to_offset = items_of(copy.to_offset)};
}

bool in_fours(const ColumnCopy& c) {
  const int64_t all = c.columns | c.from_stride | c.from_offset | c.to_stride | c.to_offset;
  return all % 4 == 0;
}

// from [rows, from_stride], to [rows, to_stride].
template <int kWidth>
__global__ void copy_columns(const float* from, float* to, Columns c) {
  for (int64_t i = grid_thread(); i < c.items; i += grid_threads()) {
    int row = static_cast<int>(i);
    const int column = c.columns.take_remainder(row);
    store<kWidth>(to, row * c.to_stride + c.to_offset + column,
                  load<kWidth>(from, row * c.from_stride + c.from_offset + column));
  }
}

// x [rows, from_stride] -> y [rows, to_stride], all of y.
template <int kWidth>
__global__ void pad_columns(const float* x, float* y, Columns c) {
  for (int64_t i = grid_thread(); i < c.items; i += grid_threads()) {
    int row = static_cast<int>(i);
    const int column = c.columns.take_remainder(row) - c.to_offset;
    const bool inside = column >= 0 && column < c.from_stride;
    store<kWidth>(y, i, inside ? load<kWidth>(x, row * c.from_stride + column) : Floats<kWidth>{});
  }
}

void run_copy(const ColumnCopy& copy, const float* from, float* to, Stream& stream) {
  if (in_fours(copy) && aligned16(from, to)) {
    const Columns c = in_items(copy, copy.columns, 4);
    launch(stream, "copy_columns", elementwise_shape(c.items), copy_columns<4>, from, to, c);
  } else {
    const Columns c = in_items(copy, copy.columns, 1);
    launch(stream, "copy_columns", elementwise_shape(c.items), copy_columns<1>, from, to, c);
  }
}

Execution prepare(const Problem& problem) {
  return {.run = [copies = column_copies(problem)](const Args& args, Stream& stream) {
    for (const ColumnCopy& copy : copies) {
      run_copy(copy, args.in<float>(copy.input), args.out<float>(0), stream);
    }
  }};
}

Execution prepare_pad(const Problem& problem) {
  return {.run = [copy = column_copies(problem)[0]](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    if (in_fours(copy) && aligned16(x, y)) {
      const Columns c = in_items(copy, copy.to_stride, 4);
      launch(stream, "pad_columns", elementwise_shape(c.items), pad_columns<4>, x, y, c);
    } else {
      const Columns c = in_items(copy, copy.to_stride, 1);
      launch(stream, "pad_columns", elementwise_shape(c.items), pad_columns<1>, x, y, c);
    }
  }};
}

}  // namespace

const Engine kConcatCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                supports_f32_int32, prepare};
const Engine kChannelSliceCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_f32_int32, prepare};
const Engine kChannelPadCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_f32_int32, prepare_pad};

}  // namespace voluta
