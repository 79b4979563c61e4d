#include <voluta/core/error.h>
#include <voluta/simt/block.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/wgmma.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace voluta::simt {
namespace {

constexpr int kRowBytes = 128;  // of the 128-byte swizzle
constexpr int kDepthBytes = 32, kWarpRows = 16, kMostColumns = 256;

int element_bytes(WgmmaType type) {
  return type == WgmmaType::kTf32 ? 4 : 2;
}

// PTX ISA, "Matrix Descriptor Format".
struct Descriptor {
  uint32_t start, leading_bytes, stride_bytes;
};

Descriptor decode(uint64_t bits) {
  constexpr uint64_t kSwizzle128 = 1;
  if (bits >> 62 != kSwizzle128 || (bits >> 49 & 7) != 0) {
    fail(ErrorKind::kFailed,
         "the descriptor does not name the 128-byte swizzle with base offset 0");
  }
  auto field = [bits](int at) { return static_cast<uint32_t>(bits >> at & 0x3fff) << 4; };
  return {field(0), field(16), field(32)};
}

// Where element [line, k] of an operand lies: `line` is a row of A or a column of B.
//   stored line by line:    lines of 128 bytes along k; eight make a group, groups stride_bytes apart
//   stored depth by depth:  depths of 128 bytes along the lines; eight make a group, groups
//                           stride_bytes apart; the next 64 lines are leading_bytes further
uint32_t element_address(const Descriptor& d, int line, int k, int bytes, bool transposed) {
  const auto in_row = [&](int along) { return static_cast<uint32_t>(along * bytes); };
  uint32_t address = d.start;
  if (transposed) {
    const int lines = kRowBytes / bytes;
    address += static_cast<uint32_t>(line / lines) * d.leading_bytes;
    address += static_cast<uint32_t>(k / 8) * d.stride_bytes;
    address += static_cast<uint32_t>(k % 8 * kRowBytes) + in_row(line % lines);
  } else {
    address += static_cast<uint32_t>(line / 8) * d.stride_bytes;
    address += static_cast<uint32_t>(line % 8 * kRowBytes) + in_row(k);
  }
  return address ^ ((address >> 7 & 7) << 4);
}

float value_at(const std::byte* at, WgmmaType type) {
  if (type == WgmmaType::kTf32) {
    uint32_t bits;
    std::memcpy(&bits, at, sizeof bits);
    return std::bit_cast<float>(bits & ~0x1fffu);
  }
  uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  if (type == WgmmaType::kF16) {
    Float16 half;
    half.bits = bits;
    return static_cast<float>(half);
  }
  BFloat16 half;
  half.bits = bits;
  return static_cast<float>(half);
}

// Operand A is [rows][depth] here, B [depth][columns].
struct Operands {
  float a[kWarpRows][16];
  float b[16][kMostColumns];
};

void load(const WarpProduct& product, const std::byte* shared, Operands& operands) {
  const Wgmma& w = product.instruction;
  const int bytes = element_bytes(w.type), depth = kDepthBytes / bytes;
  const Descriptor a = decode(w.a), b = decode(w.b);
  for (int k = 0; k < depth; ++k) {
    for (int row = 0; row < kWarpRows; ++row) {
      const uint32_t at = element_address(a, product.rows_from + row, k, bytes, w.transpose_a);
      operands.a[row][k] = value_at(shared + at, w.type);
    }
    for (int column = 0; column < w.columns; ++column) {
      const uint32_t at = element_address(b, column, k, bytes, w.transpose_b);
      operands.b[k][column] = value_at(shared + at, w.type);
    }
  }
}

// Element i of a lane's accumulators: see the diagram in kernels/common/wgmma.cuh.
float& sum_at(const WarpProduct& product, int row, int column) {
  const int lane = row % 8 * 4 + column % 8 / 2;
  return product.sums[lane][column / 8 * 4 + row / 8 * 2 + column % 2];
}

void run(const WarpProduct& product, const std::byte* shared) {
  static thread_local Operands operands;
  load(product, shared, operands);
  const Wgmma& w = product.instruction;
  const int depth = kDepthBytes / element_bytes(w.type);
  for (int row = 0; row < kWarpRows; ++row) {
    float sums[kMostColumns];
    for (int j = 0; j < w.columns; ++j) sums[j] = w.accumulate ? sum_at(product, row, j) : 0.0f;
    for (int k = 0; k < depth; ++k) {
      const float a = operands.a[row][k];
      const float* b = operands.b[k];
      for (int j = 0; j < w.columns; ++j) sums[j] += a * b[j];
    }
    for (int j = 0; j < w.columns; ++j) sum_at(product, row, j) = sums[j];
  }
}

void run_until(WarpProducts& products, int group, const std::byte* shared) {
  std::size_t done = 0;
  while (done < products.pending.size() && products.pending[done].group < group) {
    run(products.pending[done++], shared);
  }
  products.pending.erase(products.pending.begin(),
                         products.pending.begin() + static_cast<std::ptrdiff_t>(done));
}

struct ProductLane {
  Wgmma instruction;
  float* sums;
  int thread;
};

bool same(const Wgmma& a, const Wgmma& b) {
  return a.type == b.type && a.columns == b.columns && a.transpose_a == b.transpose_a &&
         a.transpose_b == b.transpose_b && a.a == b.a && a.b == b.b && a.accumulate == b.accumulate;
}

void accept(ProductLane* (&lanes)[kWarpSize]) {
  Block& block = Block::current("wgmma");
  WarpProducts& products = block.products();
  WarpProduct product{.instruction = {}, .rows_from = 0, .sums = {}, .group = products.open_group};
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if (lanes[lane] == nullptr) fail(ErrorKind::kFailed, "needs all 128 threads of a warpgroup");
    if (!same(lanes[lane]->instruction, lanes[0]->instruction)) {
      fail(ErrorKind::kFailed, "the lanes of a warp disagree about the operands");
    }
    product.sums[lane] = lanes[lane]->sums;
  }
  product.instruction = lanes[0]->instruction;
  product.rows_from = lanes[0]->thread / kWarpSize % 4 * kWarpRows;
  products.pending.push_back(product);
  if (block.coin()) run_until(products, products.open_group + 1, block.shared().base());
}

// Reads, as far as ThreadSanitizer goes, what the warp's product reads: the chunks of the operands
// shared out among the lanes.
void touch([[maybe_unused]] const Wgmma& w, [[maybe_unused]] int thread) {
#if defined(__SANITIZE_THREAD__)
  const std::byte* shared;
  {
    const IgnoreAccesses ignore;
    shared = Block::current("wgmma").shared().base();
  }
  const int bytes = element_bytes(w.type), depth = kDepthBytes / bytes, lane = thread % kWarpSize;
  const Descriptor a = decode(w.a), b = decode(w.b);
  const int first = thread / kWarpSize % 4 * kWarpRows;
  for (int k = 0; k < depth; ++k) {
    if (lane < kWarpRows) {
      (void)*const_cast<const volatile std::byte*>(
          shared + element_address(a, first + lane, k, bytes, w.transpose_a));
    }
    for (int column = lane; column < w.columns; column += kWarpSize) {
      (void)*const_cast<const volatile std::byte*>(
          shared + element_address(b, column, k, bytes, w.transpose_b));
    }
  }
#endif
}

// The same for all products that a wait ends.
void touch_pending(int newest_groups) {
  std::vector<WarpProduct> ending;
  {
    const IgnoreAccesses ignore;
    const WarpProducts& products = Block::current("wgmma").products();
    for (const WarpProduct& product : products.pending) {
      if (product.group < products.open_group - newest_groups) ending.push_back(product);
    }
  }
  for (const WarpProduct& product : ending) touch(product.instruction, linear_thread_index);
}

}  // namespace

uint32_t shared_address(const void* pointer, Site site) {
  const IgnoreAccesses ignore;
  const SharedMemory& shared = Block::current("shared address").shared();
  if (!shared.contains(pointer)) kernel_error("an address that is not in shared memory", site);
  return static_cast<uint32_t>(static_cast<const std::byte*>(pointer) - shared.base());
}

void multiply_async(const Wgmma& instruction, float* sums, Site site) {
  const bool transposes = instruction.transpose_a || instruction.transpose_b;
  if (instruction.type == WgmmaType::kTf32 && transposes) {
    kernel_error("wgmma of tf32 takes operands stored line by line alone", site);
  }
  const int thread = linear_thread_index;
  touch(instruction, thread);
  ProductLane lane{instruction, sums, thread};
  collective(
      "wgmma.mma_async", kFullMask, lane, [](ProductLane*(&lanes)[kWarpSize]) { accept(lanes); },
      site);
}

void commit_products(Site site) {
  int unused = 0;
  collective(
      "wgmma.commit_group", kFullMask, unused,
      [](int*(&)[kWarpSize]) { ++Block::current("wgmma").products().open_group; }, site);
}

void wait_for_products(int newest_groups, Site site) {
  if constexpr (kTsan) {
    touch_pending(newest_groups);
    sync_warp(kFullMask, site);  // what the warp's products read has been read
  }
  struct Lane {
    int newest_groups;
  } lane{newest_groups};
  collective(
      "wgmma.wait_group", kFullMask, lane,
      [](Lane*(&lanes)[kWarpSize]) {
        Block& block = Block::current("wgmma");
        WarpProducts& products = block.products();
        run_until(products, products.open_group - lanes[0]->newest_groups, block.shared().base());
      },
      site);
}

}  // namespace voluta::simt
