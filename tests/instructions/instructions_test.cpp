// What the models of simt/ believe of Hopper's instructions, against loops written from the PTX ISA and the
// driver's documents. On a GPU these come first: a kernel that counts on a wrong belief is found here by name.

#include <gtest/gtest.h>
#include <voluta/core/device/runtime.h>
#include <voluta/tests/instructions/probes.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace voluta::probes {
namespace {

constexpr int kPerRow = kSwizzledRowBytes / 2;  // elements of 16 bits

// Where element i of a row of T lies: chunk j of row r of eight at j ^ r (core/device/tensor_map.h).
template <class T>
std::size_t swizzled(int row, int i) {
  constexpr int kChunk = 16 / static_cast<int>(sizeof(T)), kRow = 8 * kChunk;
  return static_cast<std::size_t>(row * kRow + (i / kChunk ^ row % 8) * kChunk + i % kChunk);
}

class Instructions : public testing::Test {
 protected:
  void SetUp() override {
    Runtime& cuda = linked_cuda_runtime();
    if (cuda.device_count() == 0) GTEST_SKIP() << cuda.unavailable_reason();
    const DeviceProperties of = cuda.properties(0);
    if (of.compute_major != 9) GTEST_SKIP() << "instructions of compute capability 9.0 alone";
    stream_ = std::make_unique<Stream>(Device{DeviceType::kCuda, 0});
  }

  // Device memory with a copy of these values.
  template <class T>
  T* on_device(const std::vector<T>& values) {
    const std::size_t bytes = values.size() * sizeof(T);
    void* memory = linked_cuda_runtime().allocate(0, bytes);
    EXPECT_NE(memory, nullptr);
    held_.push_back(memory);
    stream_->copy(memory, values.data(), bytes, CopyKind::kHostToDevice);
    stream_->synchronize();
    return static_cast<T*>(memory);
  }
  template <class T>
  std::vector<T> from_device(const T* memory, std::size_t count) {
    std::vector<T> values(count);
    stream_->copy(values.data(), memory, count * sizeof(T), CopyKind::kDeviceToHost);
    stream_->synchronize();
    return values;
  }

  // A tile of rows of T, as it lies in shared memory.
  template <class T>
  std::vector<T> copied(const TensorMapLayout& layout, const Corner& corner, int rows) {
    const std::vector<uint32_t> nothing(static_cast<std::size_t>(rows * kSwizzledRowBytes / 4));
    uint32_t* out = on_device(nothing);
    copy_tile(*stream_, layout, corner, rows, out);
    const std::vector<uint32_t> words = from_device(out, nothing.size());
    std::vector<T> values(words.size() * 4 / sizeof(T));
    std::memcpy(values.data(), words.data(), words.size() * 4);
    return values;
  }

  void TearDown() override {
    for (void* memory : held_) linked_cuda_runtime().deallocate(0, memory);
  }

  std::unique_ptr<Stream> stream_;
  std::vector<void*> held_;
};

// [N,H,W,C] of 16 bits, each element another bit pattern.
struct Pictures {
  int n, h, w, c;
  std::vector<uint16_t> values;

  Pictures(int n_, int h_, int w_, int c_)
      : n(n_), h(h_), w(w_), c(c_), values(static_cast<std::size_t>(n_ * h_ * w_ * c_)) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<uint16_t>(i % 60000 + 1);
  }
  // Zero outside.
  uint16_t at(int n_, int h_, int w_, int c_) const {
    const bool inside =
        n_ >= 0 && n_ < n && h_ >= 0 && h_ < h && w_ >= 0 && w_ < w && c_ >= 0 && c_ < c;
    return inside ? values[static_cast<std::size_t>(((n_ * h + h_) * w + w_) * c + c_)] : 0;
  }
  TensorMapLayout layout(const void* address) const {
    TensorMapLayout map{.address = address, .dtype = DType::bf16, .rank = 4};
    map.extents = {c, w, h, n};
    map.stride_bytes = {2, 2 * c, 2 * c * w, 2 * c * w * h};
    map.channels = 64;
    return map;
  }
};

TEST_F(Instructions, BoxesBringTheirElementsAndZerosOutside) {
  const Pictures matrix(1, 1, 21, 72);  // 21 rows of 72
  TensorMapLayout layout{.address = on_device(matrix.values), .dtype = DType::bf16, .rank = 2};
  layout.extents = {72, 21, 0, 0};
  layout.stride_bytes = {2, 144, 0, 0};
  layout.box = {64, 16, 0, 0};
  for (const auto& [column, row] :
       {std::pair{0, 0}, {64, 8}, {8, 16}, {-8, -3}, {72, 0}, {0, 21}}) {
    const auto out = copied<uint16_t>(layout, {.c = column, .w = row}, 16);
    for (int r = 0; r < 16; ++r) {
      for (int i = 0; i < kPerRow; ++i) {
        ASSERT_EQ(out[swizzled<uint16_t>(r, i)], matrix.at(0, 0, row + r, column + i))
            << "row " << r << ", element " << i << " from " << column << ", " << row;
      }
    }
  }
}

// The nearer of the two neighbours with 10 bits of fraction, at a tie the even one.
float nearest_tf32(float x) {
  if (!std::isfinite(x)) return x;
  const uint32_t below = std::bit_cast<uint32_t>(x) & ~0x1fffu, above = below + 0x2000u;
  const double down = std::fabs(double{x} - double{std::bit_cast<float>(below)});
  const double up = std::fabs(double{std::bit_cast<float>(above)} - double{x});
  if (down == up) return std::bit_cast<float>((below & 0x2000u) == 0 ? below : above);
  return std::bit_cast<float>(down < up ? below : above);
}

// Note [Rounding to tf32], core/device/tensor_map.h. A GPU that truncated would show it here.
TEST_F(Instructions, MapsOfTf32RoundToTheNearest) {
  constexpr int kRows = 16, kRow = 32;
  std::mt19937 random(1);
  std::vector<float> matrix(kRows * kRow);
  for (float& value : matrix) {
    value = std::bit_cast<float>(static_cast<uint32_t>(random()) & 0xbfffffffu);
  }
  const uint32_t special[] = {0,           0x3f801000u, 0x3f803000u, 0xbf801000u, 0x3f801001u,
                              0x3f800fffu, 0x3fffffffu, 0x7f800000u, 0xff800000u, 0x7fc00000u,
                              0x00000fffu, 0x00001001u, 0x00003000u};
  for (std::size_t i = 0; i < std::size(special); ++i) matrix[i] = std::bit_cast<float>(special[i]);
  TensorMapLayout layout{
      .address = on_device(matrix), .dtype = DType::f32, .tf32 = true, .rank = 2};
  layout.extents = {kRow, kRows, 0, 0};
  layout.stride_bytes = {4, 4 * kRow, 0, 0};
  layout.box = {kRow, kRows, 0, 0};
  const auto out = copied<uint32_t>(layout, {}, kRows);
  for (int row = 0; row < kRows; ++row) {
    for (int i = 0; i < kRow; ++i) {
      const float value = matrix[static_cast<std::size_t>(row * kRow + i)];
      EXPECT_EQ(out[swizzled<float>(row, i)], std::bit_cast<uint32_t>(nearest_tf32(value)))
          << value << ", bits " << std::bit_cast<uint32_t>(value);
    }
  }
}

// A convolution's walk: output pixel by output pixel, the pixel of x under tap (r, s).
struct Walk {
  int h, w, c, filter_h, filter_w, pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w;
};

// The last channels first, so that some are past the end, then none that exists; 40 pixels, so that rows
// and pictures end within, also the last.
TEST_F(Instructions, Im2colFollowsTheWindowsOfAConvolution) {
  const Walk walks[] = {{5, 6, 64, 3, 3, 1, 1, 1, 1, 1, 1},
                        {9, 7, 72, 3, 3, 1, 1, 2, 2, 1, 1},
                        {8, 8, 16, 5, 3, 2, 0, 1, 2, 1, 2},
                        {4, 5, 8, 1, 1, 0, 0, 2, 3, 1, 1},
                        {7, 7, 64, 2, 3, 2, 3, 1, 1, 2, 1}};
  for (const Walk& v : walks) {
    const Pictures x(3, v.h, v.w, v.c);
    const int p = (v.h + 2 * v.pad_h - (v.filter_h - 1) * v.dilation_h - 1) / v.stride_h + 1;
    const int q = (v.w + 2 * v.pad_w - (v.filter_w - 1) * v.dilation_w - 1) / v.stride_w + 1;
    TensorMapLayout layout = x.layout(on_device(x.values));
    layout.pixels = 40;
    layout.lower = {-v.pad_w, -v.pad_h};
    layout.upper = {(q - 1) * v.stride_w - v.pad_w + 1 - v.w,
                    (p - 1) * v.stride_h - v.pad_h + 1 - v.h};
    layout.step = {v.stride_w, v.stride_h};
    for (const int channel : {v.c - 8, v.c, v.c + 32}) {
      for (const int first : {0, 1, q - 1, p * q, 2 * p * q + 3}) {
        const int tap_h = (v.filter_h - 1) * v.dilation_h, tap_w = (v.filter_w - 1) * v.dilation_w;
        const Corner corner = {.c = channel,
                               .w = first % q * v.stride_w - v.pad_w,
                               .h = first / q % p * v.stride_h - v.pad_h,
                               .n = first / (p * q),
                               .tap_w = tap_w,
                               .tap_h = tap_h};
        const auto out = copied<uint16_t>(layout, corner, 40);
        for (int pixel = 0; pixel < 40; ++pixel) {
          const int m = first + pixel, n = m / (p * q);
          const int h = m / q % p * v.stride_h - v.pad_h + tap_h;
          const int w = m % q * v.stride_w - v.pad_w + tap_w;
          for (int i = 0; i < kPerRow; ++i) {
            ASSERT_EQ(out[swizzled<uint16_t>(pixel, i)], x.at(n, h, w, channel + i))
                << "walk " << &v - walks << ", pixel " << m << ", channel " << channel + i;
          }
        }
      }
    }
  }
}

// A phase of an input gradient whose window lies beyond dy: base positions from 2 on of one row and column.
TEST_F(Instructions, Im2colBeyondTheTensorIsZeros) {
  const Pictures dy(2, 1, 1, 64);
  TensorMapLayout layout = dy.layout(on_device(dy.values));
  layout.pixels = 16;
  layout.lower = layout.upper = {2, 2};
  const auto out = copied<uint16_t>(layout, {.w = 2, .h = 2}, 16);
  for (const uint16_t value : out) ASSERT_EQ(value, 0);
}

// Element [line, k] of an operand's image: wgmma.cuh.
template <class T>
std::size_t place(int line, int k, bool by_depth) {
  constexpr int kRow = kSwizzledRowBytes / static_cast<int>(sizeof(T));
  return by_depth ? swizzled<T>(line / kRow * kRow + k, line % kRow) : swizzled<T>(line, k);
}

float product_of(BFloat16 a, BFloat16 b) {
  return static_cast<float>(a) * static_cast<float>(b);
}
float product_of(Float16 a, Float16 b) {
  return static_cast<float>(a) * static_cast<float>(b);
}
// Of the upper 19 bits.
float product_of(float a, float b) {
  const auto cut = [](float x) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & ~0x1fffu);
  };
  return cut(a) * cut(b);
}

// A small integer; of f32 with noise in the 13 bits that must not count.
template <class T>
T operand(std::mt19937& random) {
  const auto value = static_cast<float>(static_cast<int>(random() % 15) - 7);
  if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) |
                                (static_cast<uint32_t>(random()) & 0x1fffu));
  } else {
    return T(value);
  }
}

class WgmmaProducts : public Instructions {
 protected:
  template <class T>
  void check(const Wgmma& how) {
    constexpr int kDepth = kSwizzledRowBytes / static_cast<int>(sizeof(T));
    std::mt19937 random(7);
    std::vector<T> a(64 * kDepth),
        b(static_cast<std::size_t>(image_lines(how.columns, how.b_by_depth) * kDepth));
    for (T& value : a) value = operand<T>(random);
    for (T& value : b) value = operand<T>(random);
    const std::size_t count = 64 * static_cast<std::size_t>(how.columns);
    float* d = on_device(std::vector<float>(count, std::nanf("")));
    multiply_with(*stream_, how, reinterpret_cast<const uint32_t*>(on_device(a)),
                  reinterpret_cast<const uint32_t*>(on_device(b)), d);
    const std::vector<float> out = from_device(d, count);
    for (int row = 0; row < 64; ++row) {
      for (int column = 0; column < how.columns; ++column) {
        float want = 0;
        for (int k = 0; k < kDepth; ++k) {
          want += 2 * product_of(a[place<T>(row, k, how.a_by_depth)],
                                 b[place<T>(column, k, how.b_by_depth)]);
        }
        ASSERT_EQ(out[static_cast<std::size_t>(row * how.columns + column)], want)
            << "row " << row << ", column " << column << " of " << how.columns << "; a by depth "
            << how.a_by_depth << ", b by depth " << how.b_by_depth;
      }
    }
  }
};

TEST_F(WgmmaProducts, OfOperandsHoweverTheyAreStored) {
  for (const int columns : {64, 96, 128, 160, 192, 256}) {
    for (const bool a_by_depth : {false, true}) {
      for (const bool b_by_depth : {false, true}) {
        check<BFloat16>({Operands::kBf16, a_by_depth, b_by_depth, columns});
        check<Float16>({Operands::kF16, a_by_depth, b_by_depth, columns});
      }
    }
  }
}

TEST_F(WgmmaProducts, OfTf32TakeTheUpperBits) {
  for (const int columns : {64, 96, 128, 160, 192, 256})
    check<float>({Operands::kTf32, false, false, columns});
}

// Row i of the matrix is full of i + 1; a half's first element is that of its first row.
TEST_F(Instructions, CopiesForBothBlocksOfAClusterReachBoth) {
  for (const int rounds : {1, 2, 3, 9}) {
    std::vector<uint16_t> matrix(static_cast<std::size_t>(16 * rounds) * kPerRow);
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      matrix[i] = static_cast<uint16_t>(i / kPerRow + 1);
    }
    int* sums = on_device(std::vector<int>(2));
    ring_of_two(*stream_, on_device(matrix), rounds, sums);
    int want = 0;
    for (int half = 0; half < 2 * rounds; ++half) want += half * 8 + 1;
    EXPECT_EQ(from_device(sums, 2), std::vector<int>(2, want)) << rounds << " rounds";
  }
}

TEST_F(Instructions, FragmentsAreThoseOfThePtxTables) {
  std::mt19937 random(3);
  for (const bool f16 : {false, true}) {
    std::vector<float> a(256), b(128);
    std::vector<uint16_t> bits_a, bits_b;
    const auto bits = [f16](float x) { return f16 ? Float16(x).bits : BFloat16(x).bits; };
    for (float& x : a) bits_a.push_back(bits(x = static_cast<float>(random() % 15) - 7));
    for (float& x : b) bits_b.push_back(bits(x = static_cast<float>(random() % 15) - 7));
    float* d = on_device(std::vector<float>(128));
    multiply_fragments(*stream_, f16, on_device(bits_a), on_device(bits_b), d);
    const std::vector<float> out = from_device(d, 128);
    for (std::size_t i = 0; i < 128; ++i) {
      float want = 0;
      for (std::size_t k = 0; k < 16; ++k) want += a[i / 8 * 16 + k] * b[k * 8 + i % 8];
      ASSERT_EQ(out[i], want) << "row " << i / 8 << ", column " << i % 8;
    }
  }
}

TEST_F(Instructions, StoredFragmentsAreColumns) {
  std::vector<uint16_t> rows(8 * 32);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint16_t>(i + 1);
  uint16_t* columns = on_device(std::vector<uint16_t>(rows.size()));
  transpose_fragments(*stream_, on_device(rows), columns);
  const std::vector<uint16_t> out = from_device(columns, rows.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(out[i], rows[i % 8 * 32 + i / 8]) << "row " << i % 8 << ", column " << i / 8;
  }
}

}  // namespace
}  // namespace voluta::probes
