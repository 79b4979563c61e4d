#include <voluta/core/dtype.h>
#include <voluta/core/error.h>
#include <voluta/core/random.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace voluta {
namespace {

// A binary floating format with its exponent bits e, fraction bits m and bias 2^(e-1) - 1.
struct Format {
  int exponent_bits, fraction_bits;
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int exponent_mask() const { return (1 << exponent_bits) - 1; }
};
constexpr Format kBFloat16{8, 7}, kFloat16{5, 10};

// The value of a pattern, from the definition: (-1)^sign 2^(e - bias) (1 + f / 2^m).
double decode(Format format, int bits) {
  const int fraction = bits & ((1 << format.fraction_bits) - 1);
  const int exponent = (bits >> format.fraction_bits) & format.exponent_mask();
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == format.exponent_mask()) {
    return fraction ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  const double significand = std::ldexp(fraction, -format.fraction_bits) + (exponent ? 1 : 0);
  return sign * std::ldexp(significand, std::max(exponent, 1) - format.bias());
}

// The pattern nearest to a value, ties to even: the neighbours are found by bisection over the
// patterns 0 .. infinity, whose values ascend.
int encode(Format format, double value) {
  if (std::isnan(value)) return -1;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  const int infinity = format.exponent_mask() << format.fraction_bits;
  if (std::isinf(magnitude)) return sign | infinity;
  int low = 0, high = infinity;  // decode(low) <= magnitude < decode(high)
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (decode(format, middle) <= magnitude ? low : high) = middle;
  }
  // Infinity stands for the value that would follow the largest finite one.
  const double above =
      high == infinity ? 2 * decode(format, low) - decode(format, low - 1) : decode(format, high);
  const double to_low = magnitude - decode(format, low), to_high = above - magnitude;
  if (to_low == to_high) return sign | (low % 2 == 0 ? low : high);
  return sign | (to_low < to_high ? low : high);
}

template <class T>
void check_every_pattern(Format format) {
  for (int bits = 0; bits < 65536; ++bits) {
    T value;
    value.bits = static_cast<uint16_t>(bits);
    const double want = decode(format, bits), got = static_cast<float>(value);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
      ASSERT_TRUE(std::isnan(static_cast<float>(T(static_cast<float>(value))))) << bits;
      continue;
    }
    ASSERT_EQ(want, got) << bits;
    ASSERT_EQ(std::signbit(want), std::signbit(got)) << bits;
    ASSERT_EQ(T(static_cast<float>(value)).bits, bits);
  }
}

template <class T>
void check_rounding(Format format, float value) {
  const int want = encode(format, value);
  const T got(value);
  if (want < 0) {
    ASSERT_TRUE(std::isnan(static_cast<float>(got))) << value;
  } else {
    ASSERT_EQ(want, got.bits) << std::hexfloat << value;
  }
}

// Each value halfway between two neighbours, and the floats right below and above it.
template <class T>
void check_ties(Format format) {
  const int infinity = format.exponent_mask() << format.fraction_bits;
  for (int bits = 0; bits + 1 < infinity; ++bits) {
    const auto tie = static_cast<float>((decode(format, bits) + decode(format, bits + 1)) / 2);
    for (float value : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, INFINITY)}) {
      check_rounding<T>(format, value);
      check_rounding<T>(format, -value);
    }
  }
}

template <class T>
void check_random(Format format) {
  Random random(7);
  for (int i = 0; i < 200000; ++i)
    check_rounding<T>(format, std::bit_cast<float>(random.next_u32()));
}

TEST(BFloat16, EveryPatternConvertsToItsValueAndBack) {
  check_every_pattern<BFloat16>(kBFloat16);
}
TEST(BFloat16, TiesRoundToEven) {
  check_ties<BFloat16>(kBFloat16);
}
TEST(BFloat16, RandomFloatsRoundToNearest) {
  check_random<BFloat16>(kBFloat16);
}

TEST(Float16, EveryPatternConvertsToItsValueAndBack) {
  check_every_pattern<Float16>(kFloat16);
}
TEST(Float16, TiesRoundToEven) {
  check_ties<Float16>(kFloat16);
}
TEST(Float16, RandomFloatsRoundToNearest) {
  check_random<Float16>(kFloat16);
}

TEST(Float16, OverflowAndUnderflow) {
  EXPECT_EQ(Float16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(Float16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(Float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(Float16(-1e30f).bits, 0xfc00);
  EXPECT_EQ(Float16(0x1p-24f).bits, 1);
  EXPECT_EQ(Float16(0x1p-25f).bits, 0);
  EXPECT_EQ(Float16(-0.0f).bits, 0x8000);
}

TEST(DTypeTest, NamesAndSizes) {
  for (DType dtype :
       {DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8}) {
    EXPECT_EQ(parse_dtype(name_of(dtype)), dtype);
  }
  EXPECT_EQ(size_of(DType::f64), 8u);
  EXPECT_EQ(size_of(DType::bf16), 2u);
  EXPECT_EQ(size_of(DType::u8), 1u);
  EXPECT_FALSE(is_floating(DType::i64));
  EXPECT_TRUE(is_floating(DType::f16));
  EXPECT_THROW(parse_dtype("float"), Error);
}

TEST(DTypeTest, UnitRoundoffIsHalfTheSpacingAboveOne) {
  EXPECT_EQ(unit_roundoff(DType::f64), std::numeric_limits<double>::epsilon() / 2);
  EXPECT_EQ(unit_roundoff(DType::f32), std::numeric_limits<float>::epsilon() / 2);
  EXPECT_EQ(unit_roundoff(DType::bf16), (decode(kBFloat16, 0x3f81) - 1) / 2);
  EXPECT_EQ(unit_roundoff(DType::f16), (decode(kFloat16, 0x3c01) - 1) / 2);
  EXPECT_THROW(unit_roundoff(DType::i32), Error);
}

TEST(DTypeTest, DispatchesOnFloatingTypesOnly) {
  auto bytes = [](DType dtype) {
    return dispatch_floating(dtype, []<class T>() { return sizeof(T); });
  };
  EXPECT_EQ(bytes(DType::f64), 8u);
  EXPECT_EQ(bytes(DType::f32), 4u);
  EXPECT_EQ(bytes(DType::bf16), 2u);
  EXPECT_EQ(bytes(DType::f16), 2u);
  EXPECT_THROW(bytes(DType::u8), Error);
}

}  // namespace
}  // namespace voluta
