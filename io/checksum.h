#pragma once

// Checksums: they find what a disk or a cable turned, and guard against nobody.

#include <cstddef>
#include <cstdint>

namespace voluta {

// CRC-32 of bytes that come in pieces: that of all pieces so far, given that of those before this
// one (0 of none).
uint32_t crc32(uint32_t before, const void* bytes, std::size_t count);

// CRC-32C: Castagnoli's polynomial, as iSCSI (RFC 3720) and TFRecord have it.
uint32_t crc32c(const void* bytes, std::size_t count);

}  // namespace voluta
