#include <voluta/io/checksum.h>

#include <zlib.h>

#include <array>

namespace voluta {
namespace {

// What a byte does to the checksum, the lowest bit first.
constexpr std::array<uint32_t, 256> castagnoli_table() {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41 with its bits turned round
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? kPolynomial : 0);
    table[byte] = value;
  }
  return table;
}

}  // namespace

uint32_t crc32(uint32_t before, const void* bytes, std::size_t count) {
  return static_cast<uint32_t>(::crc32_z(before, static_cast<const Bytef*>(bytes), count));
}

uint32_t crc32c(const void* bytes, std::size_t count) {
  static constexpr std::array<uint32_t, 256> kTable = castagnoli_table();
  uint32_t value = ~uint32_t{0};
  for (const auto* byte = static_cast<const uint8_t*>(bytes); count > 0; ++byte, --count) {
    value = value >> 8 ^ kTable[(value ^ *byte) & 0xff];
  }
  return ~value;
}

}  // namespace voluta
