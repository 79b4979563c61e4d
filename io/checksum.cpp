#include <voluta/io/checksum.h>

#include <zlib.h>

namespace voluta {

uint32_t crc32(uint32_t before, const void* bytes, std::size_t count) {
  return static_cast<uint32_t>(::crc32_z(before, static_cast<const Bytef*>(bytes), count));
}

}  // namespace voluta
