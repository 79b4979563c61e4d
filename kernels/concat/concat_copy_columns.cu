// concat, channel_slice and channel_pad, algorithm "copy_columns": a range of columns of one matrix
// goes to a range of columns of another, 16 bytes of neighbours a thread where strides, offsets and
// addresses are multiples of that, else 4, else an element.
//   to[row, to_offset + c] = from[row, from_offset + c]     row < rows, c < columns
//   grid   (min(ceil(items / 256), 4096))     block 256     smem 0     regs 32
//          one launch for each input of concat
//   maps   item i of a grid-stride loop: row = i / I, group of columns i % I, I items a row
//            from | . . [c0 c1 c2 c3][c4 ...] . |        to | . . . . [c0 c1 c2 c3][c4 ...] |
//          channel_pad walks the output instead and writes zero where x has no channel
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/concat/concat_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// What a thread copies: 16, 4 or 2 bytes, of one element or several.
struct alignas(16) Sixteen {
  uint32_t word[4];
};

// A ColumnCopy in items.
struct Columns {
  FastDivisor columns;
  int items, from_stride, from_offset, to_stride, to_offset;
};

Columns in_items(const ColumnCopy& copy, int64_t walked_columns, int64_t elements_an_item) {
  const auto items_of = [&](int64_t elements) {
    return static_cast<int>(elements / elements_an_item);
  };
  return {.columns = FastDivisor(walked_columns / elements_an_item),
          .items = items_of(copy.rows * walked_columns),
          .from_stride = items_of(copy.from_stride),
          .from_offset = items_of(copy.from_offset),
          .to_stride = items_of(copy.to_stride),
          .to_offset = items_of(copy.to_offset)};
}

// from [rows, from_stride], to [rows, to_stride].
template <class Item>
__global__ void copy_columns(const Item* from, Item* to, Columns c) {
  for (int64_t i = grid_thread(); i < c.items; i += grid_threads()) {
    int row = static_cast<int>(i);
    const int column = c.columns.take_remainder(row);
    to[row * c.to_stride + c.to_offset + column] =
        from[row * c.from_stride + c.from_offset + column];
  }
}

// x [rows, from_stride] -> y [rows, to_stride], all of y.
template <class Item>
__global__ void pad_columns(const Item* x, Item* y, Columns c) {
  for (int64_t i = grid_thread(); i < c.items; i += grid_threads()) {
    int row = static_cast<int>(i);
    const int column = c.columns.take_remainder(row) - c.to_offset;
    const bool inside = column >= 0 && column < c.from_stride;
    y[i] = inside ? x[row * c.from_stride + column] : Item{};
  }
}

// f.operator()<Item>(elements an item) with the longest item that strides, offsets and addresses
// allow.
template <class F>
void with_items(const ColumnCopy& c, std::size_t element_bytes, const void* from, const void* to,
                F&& f) {
  const auto bytes = static_cast<int64_t>(element_bytes);
  const int64_t all =
      bytes * (c.columns | c.from_stride | c.from_offset | c.to_stride | c.to_offset);
  if (all % 16 == 0 && aligned16(from, to)) return f.template operator()<Sixteen>(16 / bytes);
  if (bytes == 4 || (all % 4 == 0 && aligned16(from, to))) {
    return f.template operator()<uint32_t>(4 / bytes);
  }
  f.template operator()<uint16_t>(1);
}

Execution prepare(const Problem& problem) {
  const std::size_t bytes = size_of(problem.outputs[0].dtype);
  return {.run = [bytes, copies = column_copies(problem)](const Args& args, Stream& stream) {
    for (const ColumnCopy& copy : copies) {
      const void *from = args.in<void>(copy.input), *to = args.out<void>(0);
      with_items(copy, bytes, from, to, [&]<class Item>(int64_t elements_an_item) {
        const Columns c = in_items(copy, copy.columns, elements_an_item);
        launch(stream, "copy_columns", elementwise_shape(c.items), copy_columns<Item>,
               args.in<Item>(copy.input), args.out<Item>(0), c);
      });
    }
  }};
}

Execution prepare_pad(const Problem& problem) {
  const std::size_t bytes = size_of(problem.outputs[0].dtype);
  return {.run = [bytes, copy = column_copies(problem)[0]](const Args& args, Stream& stream) {
    const void *x = args.in<void>(0), *y = args.out<void>(0);
    with_items(copy, bytes, x, y, [&]<class Item>(int64_t elements_an_item) {
      const Columns c = in_items(copy, copy.to_stride, elements_an_item);
      launch(stream, "pad_columns", elementwise_shape(c.items), pad_columns<Item>, args.in<Item>(0),
             args.out<Item>(0), c);
    });
  }};
}

}  // namespace

const Engine kConcatCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                supports_int32, prepare};
const Engine kChannelSliceCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_int32, prepare};
const Engine kChannelPadCopyColumns{"copy_columns", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_int32, prepare_pad};

}  // namespace voluta
