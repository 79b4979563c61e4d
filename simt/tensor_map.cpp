#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/simt/tensor_map.h>

#include <cstring>

namespace voluta::simt {
namespace {

void require(bool holds, const char* what) {
  if (!holds) fail(ErrorKind::kFailed, fmt::format("cuTensorMapEncode: {}", what));
}

bool in(int64_t value, int64_t least, int64_t most) {
  return least <= value && value <= most;
}

void check(const TensorMapLayout& layout) {
  const auto element = static_cast<int64_t>(size_of(layout.dtype));
  require(reinterpret_cast<uintptr_t>(layout.address) % 16 == 0,
          "the address is no multiple of 16");
  require(!layout.tf32 || layout.dtype == DType::f32, "tf32 of elements that are not f32");
  require(in(layout.rank, 2, 4), "the rank is not 2 to 4");
  for (std::size_t i = 0; i < static_cast<std::size_t>(layout.rank); ++i) {
    require(in(layout.extents[i], 1, UINT32_MAX), "an extent is not 1 to 2^32 - 1");
    if (i > 0) {
      require(layout.stride_bytes[i] % 16 == 0 &&
                  in(layout.stride_bytes[i], 16, (int64_t{1} << 40) - 16),
              "a stride is no multiple of 16 below 2^40");
    }
    if (layout.pixels == 0) require(in(layout.box[i], 1, 256), "a side of the box is not 1 to 256");
  }
  const int64_t row = (layout.pixels > 0 ? layout.channels : layout.box[0]) * element;
  require(row == kSwizzledRowBytes, "a row of the copy is not 128 bytes");
  if (layout.pixels == 0) return;
  require(layout.rank == 4, "im2col mode of a tensor that is not [N,H,W,C]");
  require(in(layout.pixels, 1, 1024) && in(layout.channels, 1, 256), "pixels or channels");
  for (std::size_t i = 0; i < 2; ++i) {
    require(in(layout.lower[i], -128, 127) && in(layout.upper[i], -128, 127), "a corner");
    require(in(layout.step[i], 1, 8), "a traversal stride is not 1 to 8");
    require(layout.extents[i + 1] + layout.upper[i] > layout.lower[i], "an empty bounding box");
  }
}

}  // namespace

TensorMap pack_tensor_map(const TensorMapLayout& layout) {
  check(layout);
  PackedTensorMap packed{};
  packed.address = static_cast<const std::byte*>(layout.address);
  packed.rank = static_cast<uint8_t>(layout.rank);
  packed.element_bytes = static_cast<uint8_t>(size_of(layout.dtype));
  packed.tf32 = layout.tf32;
  packed.pixels = static_cast<uint16_t>(layout.pixels);
  packed.channels = static_cast<uint16_t>(layout.channels);
  for (std::size_t i = 0; i < 4; ++i) {
    packed.extents[i] = static_cast<uint32_t>(layout.extents[i]);
    packed.stride_bytes[i] = layout.stride_bytes[i];
    packed.box[i] = static_cast<uint16_t>(layout.box[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    packed.lower[i] = static_cast<int8_t>(layout.lower[i]);
    packed.upper[i] = static_cast<int8_t>(layout.upper[i]);
    packed.step[i] = static_cast<uint8_t>(layout.step[i]);
  }
  TensorMap map;
  static_assert(sizeof map.words == sizeof packed);
  std::memcpy(map.words.data(), &packed, sizeof packed);
  return map;
}

}  // namespace voluta::simt
