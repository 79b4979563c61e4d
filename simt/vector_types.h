#pragma once

// CUDA's built-in vector types and their make_ functions, in the global namespace as CUDA has them.

#define VOLUTA_SIMT_VECTORS(scalar, name, align2, align4)                    \
  struct name##1 {                                                           \
    scalar x;                                                                \
  };                                                                         \
  struct alignas(align2) name##2 {                                           \
    scalar x, y;                                                             \
  };                                                                         \
  struct name##3 {                                                           \
    scalar x, y, z;                                                          \
  };                                                                         \
  struct alignas(align4) name##4 {                                           \
    scalar x, y, z, w;                                                       \
  };                                                                         \
  constexpr name##1 make_##name##1(scalar x) {                               \
    return {x};                                                              \
  }                                                                          \
  constexpr name##2 make_##name##2(scalar x, scalar y) {                     \
    return {x, y};                                                           \
  }                                                                          \
  constexpr name##3 make_##name##3(scalar x, scalar y, scalar z) {           \
    return {x, y, z};                                                        \
  }                                                                          \
  constexpr name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { \
    return {x, y, z, w};                                                     \
  }

VOLUTA_SIMT_VECTORS(signed char, char, 2, 4)
VOLUTA_SIMT_VECTORS(unsigned char, uchar, 2, 4)
VOLUTA_SIMT_VECTORS(short, short, 4, 8)
VOLUTA_SIMT_VECTORS(unsigned short, ushort, 4, 8)
VOLUTA_SIMT_VECTORS(int, int, 8, 16)
VOLUTA_SIMT_VECTORS(unsigned int, uint, 8, 16)
VOLUTA_SIMT_VECTORS(long long, longlong, 16, 16)
VOLUTA_SIMT_VECTORS(unsigned long long, ulonglong, 16, 16)
VOLUTA_SIMT_VECTORS(float, float, 8, 16)
VOLUTA_SIMT_VECTORS(double, double, 16, 16)
#undef VOLUTA_SIMT_VECTORS

struct dim3 {
  unsigned int x = 1, y = 1, z = 1;
  constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1)
      : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
