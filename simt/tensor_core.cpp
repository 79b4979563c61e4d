#include <voluta/core/error.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/tensor_core.h>

#include <cstring>

namespace voluta::simt {
namespace {

// A whole warp's operands, as matrices.
template <int kDepth>
struct Matrices {
  float a[16][kDepth];
  float b[kDepth][8];
};

template <class T>
struct SixteenBits {
  static constexpr int kDepth = 16, kPerRegister = 2;
  static float element(uint32_t bits, int i) {
    T value;
    value.bits = static_cast<uint16_t>(bits >> 16 * i);
    return static_cast<float>(value);
  }
};
struct Tf32 {
  static constexpr int kDepth = 8, kPerRegister = 1;
  static float element(uint32_t bits, int) { return std::bit_cast<float>(bits & ~0x1fffu); }
};

struct MmaLane {
  float* d;
  const uint32_t *a, *b;
};

void require_whole_warp(void* const* lanes) {
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if (lanes[lane] == nullptr) {
      fail(ErrorKind::kFailed, "needs all 32 lanes, and the block has no lane " +
                                   std::to_string(lane) + " in its last warp");
    }
  }
}

template <class T>
void gather(MmaLane* (&lanes)[kWarpSize], Matrices<T::kDepth>& m) {
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < T::kPerRegister; ++i) {
        const int k = half * (T::kDepth / 2) + t * T::kPerRegister + i;
        m.a[g][k] = T::element(lanes[lane]->a[2 * half], i);
        m.a[g + 8][k] = T::element(lanes[lane]->a[2 * half + 1], i);
        m.b[k][g] = T::element(lanes[lane]->b[half], i);
      }
    }
  }
}

template <class T>
void multiply(MmaLane* (&lanes)[kWarpSize]) {
  require_whole_warp(reinterpret_cast<void* const*>(lanes));
  Matrices<T::kDepth> m;
  gather<T>(lanes, m);
  float d[16][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    for (int i = 0; i < 4; ++i) d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2] = lanes[lane]->d[i];
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < T::kDepth; ++k) {
      for (int column = 0; column < 8; ++column) d[row][column] += m.a[row][k] * m.b[k][column];
    }
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    for (int i = 0; i < 4; ++i) lanes[lane]->d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

template <class T>
void mma(const char* name, float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
         Site site) {
  MmaLane lane{d, a, b};
  collective(
      name, kFullMask, lane, [](MmaLane*(&lanes)[kWarpSize]) { multiply<T>(lanes); }, site);
}

struct MatrixLane {
  alignas(16) uint16_t row[8];  // of matrix lane / 8
  uint32_t* registers;
};

template <bool kTransposed>
void distribute(MatrixLane* (&lanes)[kWarpSize]) {
  require_whole_warp(reinterpret_cast<void* const*>(lanes));
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const int row = lane / 4, column = lane % 4 * 2;
    for (int matrix = 0; matrix < 4; ++matrix) {
      auto element = [&](int i) -> uint32_t {
        return kTransposed ? lanes[matrix * 8 + column + i]->row[row]
                           : lanes[matrix * 8 + row]->row[column + i];
      };
      lanes[lane]->registers[matrix] = element(0) | element(1) << 16;
    }
  }
}

// A row that a lane names.
void require_row(const void* row, Site site) {
  if (is_shared(row) && reinterpret_cast<uintptr_t>(row) % 16 == 0) return;
  kernel_error("a row of ldmatrix or stmatrix is 16 bytes of shared memory at a multiple of 16",
               site);
}

template <bool kTransposed>
void load(const char* name, uint32_t (&registers)[4], const void* row, Site site) {
  require_row(row, site);
  MatrixLane lane{{}, registers};
  std::memcpy(lane.row, row, sizeof lane.row);
  collective(
      name, kFullMask, lane, [](MatrixLane*(&lanes)[kWarpSize]) { distribute<kTransposed>(lanes); },
      site);
}

// What each lane stores: a column of the matrix of its eight.
void collect_columns(MatrixLane* (&lanes)[kWarpSize]) {
  require_whole_warp(reinterpret_cast<void* const*>(lanes));
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const int matrix = lane / 8, column = lane % 8;
    for (int row = 0; row < 8; ++row) {
      const uint32_t pair = lanes[row * 4 + column / 2]->registers[matrix];
      lanes[lane]->row[row] = static_cast<uint16_t>(pair >> column % 2 * 16);
    }
  }
}

}  // namespace

void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma<SixteenBits<BFloat16>>("mma.sync (bf16)", d, a, b, site);
}
void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma<SixteenBits<Float16>>("mma.sync (f16)", d, a, b, site);
}
void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma<Tf32>("mma.sync (tf32)", d, a, b, site);
}

void load_matrices(uint32_t (&registers)[4], const void* row, Site site) {
  load<false>("ldmatrix", registers, row, site);
}
void load_matrices_transposed(uint32_t (&registers)[4], const void* row, Site site) {
  load<true>("ldmatrix.trans", registers, row, site);
}
void store_matrices_transposed(void* row, const uint32_t (&registers)[4], Site site) {
  require_row(row, site);
  MatrixLane lane{{}, const_cast<uint32_t*>(registers)};
  collective(
      "stmatrix.trans", kFullMask, lane,
      [](MatrixLane*(&lanes)[kWarpSize]) { collect_columns(lanes); }, site);
  std::memcpy(row, lane.row, sizeof lane.row);
}

}  // namespace voluta::simt
