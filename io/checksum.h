#pragma once

// CRC-32 of bytes that come in pieces: finds what a disk or a cable turned, guards against nobody.

#include <cstddef>
#include <cstdint>

namespace voluta {

// The checksum of all pieces so far, given that of those before this one (0 of none).
uint32_t crc32(uint32_t before, const void* bytes, std::size_t count);

}  // namespace voluta
