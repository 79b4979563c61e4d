#pragma once

// Warp-wide functions of CUDA: shuffles, votes, reductions, matches.

#include <voluta/simt/thread.h>

#include <bit>
#include <cstring>

namespace voluta::simt {

// What a shuffle reads from a lane that does not take part. CUDA leaves it undefined; all ones is
// a NaN in every floating type, so that a result which depends on it shows.
template <class T>
T undefined_value() {
  T value;
  std::memset(&value, 0xff, sizeof value);
  return value;
}

template <class T>
struct ShuffleLane {
  T value, result;
  int source;  // lane
};

template <class T>
T shuffle(const char* name, uint32_t mask, T value, int source, Site site) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) >= 4, "CUDA shuffles 4 and 8 byte numbers");
  ShuffleLane<T> lane{value, value, source};
  collective(
      name, mask, lane,
      [](ShuffleLane<T>*(&lanes)[kWarpSize]) {
        for (ShuffleLane<T>* to : lanes) {
          if (to == nullptr) continue;
          const ShuffleLane<T>* from = lanes[to->source];
          to->result = from == nullptr ? undefined_value<T>() : from->value;
        }
      },
      site);
  return lane.result;
}

// A warp is cut into segments of `width` lanes; a source outside the own segment means the own
// value (PTX ISA, shfl.sync; c = clamp, b = source).
inline int segment_start(int width) {
  return lane_index() & ~(width - 1);
}

template <class T>
struct VoteLane {
  T value;
  uint32_t result;
};

template <class T, class F>
uint32_t vote(const char* name, uint32_t mask, T value, F combine, Site site) {
  VoteLane<T> lane{value, 0};
  collective(name, mask, lane, combine, site);
  return lane.result;
}

inline uint32_t ballot(const char* name, uint32_t mask, bool predicate, Site site) {
  return vote(
      name, mask, predicate,
      [](VoteLane<bool>*(&lanes)[kWarpSize]) {
        uint32_t votes = 0;
        for (int i = 0; i < kWarpSize; ++i) votes |= (lanes[i] && lanes[i]->value ? 1u : 0u) << i;
        for (auto* lane : lanes) {
          if (lane != nullptr) lane->result = votes;
        }
      },
      site);
}

// Op is a stateless function object of two values.
template <class T, class Op>
T warp_reduce(const char* name, uint32_t mask, T value, Op, Site site) {
  struct Lane {
    T value;
  } lane{value};
  collective(
      name, mask, lane,
      [](Lane*(&lanes)[kWarpSize]) {
        const Lane* first = nullptr;
        T sum{};
        for (const Lane* each : lanes) {
          if (each == nullptr) continue;
          sum = first == nullptr ? each->value : static_cast<T>(Op{}(sum, each->value));
          first = each;
        }
        for (Lane* each : lanes) {
          if (each != nullptr) each->value = sum;
        }
      },
      site);
  return lane.value;
}

struct Plus {  // wraps around, as integers do on the device
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + b);
  }
};
struct Minimum {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct BitAnd {
  template <class T>
  T operator()(T a, T b) const {
    return a & b;
  }
};
struct BitOr {
  template <class T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct BitXor {
  template <class T>
  T operator()(T a, T b) const {
    return a ^ b;
  }
};

}  // namespace voluta::simt

// The unary + widens small integers to int, as CUDA's overloads do.
template <class T>
auto __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
                 voluta::simt::Site site = voluta::simt::Site::current()) {
  const int lane = voluta::simt::segment_start(width) + (source & (width - 1));
  return voluta::simt::shuffle("__shfl_sync", mask, +value, lane, site);
}

template <class T>
auto __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                    voluta::simt::Site site = voluta::simt::Site::current()) {
  const int own = voluta::simt::lane_index(), lane = own - static_cast<int>(delta);
  const bool inside = lane >= voluta::simt::segment_start(width);
  return voluta::simt::shuffle("__shfl_up_sync", mask, +value, inside ? lane : own, site);
}

template <class T>
auto __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                      voluta::simt::Site site = voluta::simt::Site::current()) {
  const int own = voluta::simt::lane_index(), lane = own + static_cast<int>(delta);
  const bool inside = lane < voluta::simt::segment_start(width) + width;
  return voluta::simt::shuffle("__shfl_down_sync", mask, +value, inside ? lane : own, site);
}

// Unlike the others, xor may read from an earlier segment; only a later one means the own value.
template <class T>
auto __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                     voluta::simt::Site site = voluta::simt::Site::current()) {
  const int own = voluta::simt::lane_index(), lane = own ^ lane_mask;
  const bool inside = lane >= 0 && lane < voluta::simt::segment_start(width) + width;
  return voluta::simt::shuffle("__shfl_xor_sync", mask, +value, inside ? lane : own, site);
}

inline void __syncwarp(unsigned mask = voluta::simt::kFullMask,
                       voluta::simt::Site site = voluta::simt::Site::current()) {
  voluta::simt::sync_warp(mask, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::ballot("__ballot_sync", mask, predicate != 0, site);
}

inline int __any_sync(unsigned mask, int predicate,
                      voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::ballot("__any_sync", mask, predicate != 0, site) != 0;
}

inline int __all_sync(unsigned mask, int predicate,
                      voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::ballot("__all_sync", mask, predicate == 0, site) == 0;
}

// Lanes of the warp that have not exited. Which of them run together is the hardware's choice, so
// a kernel may rely on no more than that its own bit is set.
inline unsigned __activemask() {
  return voluta::simt::live_lanes();
}

#define VOLUTA_SIMT_REDUCE(name, op, type)                                          \
  inline type name(unsigned mask, type value,                                       \
                   voluta::simt::Site site = voluta::simt::Site::current()) {       \
    return voluta::simt::warp_reduce(#name, mask, value, voluta::simt::op{}, site); \
  }
VOLUTA_SIMT_REDUCE(__reduce_add_sync, Plus, unsigned)
VOLUTA_SIMT_REDUCE(__reduce_add_sync, Plus, int)
VOLUTA_SIMT_REDUCE(__reduce_min_sync, Minimum, unsigned)
VOLUTA_SIMT_REDUCE(__reduce_min_sync, Minimum, int)
VOLUTA_SIMT_REDUCE(__reduce_max_sync, Maximum, unsigned)
VOLUTA_SIMT_REDUCE(__reduce_max_sync, Maximum, int)
VOLUTA_SIMT_REDUCE(__reduce_and_sync, BitAnd, unsigned)
VOLUTA_SIMT_REDUCE(__reduce_or_sync, BitOr, unsigned)
VOLUTA_SIMT_REDUCE(__reduce_xor_sync, BitXor, unsigned)
#undef VOLUTA_SIMT_REDUCE

template <class T>
unsigned __match_any_sync(unsigned mask, T value,
                          voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::vote(
      "__match_any_sync", mask, value,
      [](voluta::simt::VoteLane<T>*(&lanes)[voluta::simt::kWarpSize]) {
        for (auto* lane : lanes) {
          for (int i = 0; lane != nullptr && i < voluta::simt::kWarpSize; ++i) {
            // Bits are compared, as by match.sync: a NaN equals itself.
            const bool same =
                lanes[i] != nullptr && std::memcmp(&lanes[i]->value, &lane->value, sizeof(T)) == 0;
            lane->result |= (same ? 1u : 0u) << i;
          }
        }
      },
      site);
}

template <class T>
unsigned __match_all_sync(unsigned mask, T value, int* predicate,
                          voluta::simt::Site site = voluta::simt::Site::current()) {
  const unsigned same = __match_any_sync(mask, value, site);
  *predicate = same == (mask & voluta::simt::existing_lanes());
  return *predicate ? mask : 0;
}
