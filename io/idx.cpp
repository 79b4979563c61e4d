#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/file.h>
#include <voluta/io/idx.h>

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <vector>

namespace voluta {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void read_exactly(ByteSource& source, void* to, std::size_t count, const std::string& path,
                  const char* part) {
  const std::size_t got = source.read(to, count);
  if (got < count) {
    fail_at(path, fmt::format("the {} is truncated: {} of {} bytes; get the file again", part, got,
                              count));
  }
}

void check_magic(const std::array<uint8_t, 4>& magic, int rank, const std::string& path) {
  if (magic[0] != 0 || magic[1] != 0) {
    fail_at(path, fmt::format("is not an IDX file: it starts with {:02x}{:02x}{:02x}{:02x}, not "
                              "0000{:02x}{:02x}",
                              magic[0], magic[1], magic[2], magic[3], kUnsignedByte, rank));
  }
  if (magic[2] != kUnsignedByte) {
    fail_at(path, fmt::format("the IDX element type is 0x{:02x}; unsigned bytes (0x08) are needed",
                              magic[2]));
  }
  if (magic[3] != rank) {
    fail_at(path, fmt::format("the IDX file has {} extents where {} are needed ({})", magic[3],
                              rank, rank == 1 ? "labels" : "images"));
  }
}

// The extents, checked against what the file can hold at all before anything is allocated.
Shape read_extents(ByteSource& source, int rank, const std::string& path) {
  std::vector<uint8_t> bytes(static_cast<std::size_t>(rank) * 4);
  read_exactly(source, bytes.data(), bytes.size(), path, "IDX header");
  std::vector<int64_t> extents;
  int64_t total = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t extent = big_endian(bytes.data() + axis * 4);
    if (extent == 0) fail_at(path, fmt::format("the IDX header gives extent {} as 0", axis));
    if (total > kMostIdxBytes / extent) {
      fail_at(path, fmt::format("the IDX header claims more than {} bytes", kMostIdxBytes));
    }
    total *= extent;
    extents.push_back(extent);
  }
  if (static_cast<uint64_t>(total) > source.most_bytes()) {
    fail_at(path, fmt::format("is truncated: the IDX header claims {} bytes of elements, and the "
                              "file cannot hold more than {}; get the file again",
                              total, source.most_bytes()));
  }
  return Shape(extents);
}

}  // namespace

Tensor read_idx(const std::string& path, int rank) {
  const std::unique_ptr<ByteSource> source = open_bytes(path);
  std::array<uint8_t, 4> magic{};
  read_exactly(*source, magic.data(), magic.size(), path, "IDX header");
  check_magic(magic, rank, path);
  Tensor tensor(DType::u8, read_extents(*source, rank, path));
  read_exactly(*source, tensor.raw(), tensor.bytes(), path, "IDX body");
  uint8_t extra;
  if (source->read(&extra, 1) != 0) {
    fail_at(path, fmt::format("has bytes after the {} elements that the IDX header claims",
                              tensor.elements()));
  }
  return tensor;
}

void write_idx(const std::string& path, const Tensor& tensor) {
  if (tensor.dtype() != DType::u8) {
    invalid(
        fmt::format("{}: an IDX file holds u8 elements, not {}", path, name_of(tensor.dtype())));
  }
  std::vector<uint8_t> header = {0, 0, kUnsignedByte, static_cast<uint8_t>(tensor.shape().rank())};
  for (int64_t extent : tensor.shape().extents()) {
    if (extent < 1 || extent > UINT32_MAX) {
      invalid(fmt::format("{}: the extents of an IDX file are 1 to {}; those of the tensor are {}",
                          path, UINT32_MAX, to_string(tensor.shape())));
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
      header.push_back(static_cast<uint8_t>(extent >> shift));
    }
  }
  AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(tensor.raw(), tensor.bytes());
  file.commit();
}

}  // namespace voluta
