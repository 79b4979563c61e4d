#pragma once

// Kernels over many tensors at once: a launch takes up to kMostTensors of any sizes, cut into chunks
// of 4096 elements, a block a chunk. Which tensor a block works on it finds by bisection in a table
// that comes with the kernel's arguments.
//
//   chunks        0 1 2 | 3 | 4 5 ...      first_chunk {0, 3, 4, ...}
//   of tensor         0 | 1 | 2

#include <voluta/core/device/launch.cuh>

#include <algorithm>
#include <span>
#include <vector>

namespace voluta {

constexpr int kTensorBlock = 256, kTensorChunk = 4096;
constexpr int kMostTensors = 48;  // with 7 addresses each, 3.3 KiB where 4 KiB of arguments fit

// At: the addresses that belong to one tensor.
template <class At>
struct TensorTable {
  At at[kMostTensors];
  int64_t elements[kMostTensors];
  int first_chunk[kMostTensors + 1];  // of each tensor; behind the last, the number of chunks
  int tensors;
  int tensors_before, chunks_before;  // in the launches before this one

  __host__ __device__ int chunks() const { return first_chunk[tensors]; }

  __device__ int tensor_of(int chunk) const {
    int low = 0, high = tensors - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_chunk[middle] <= chunk) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

// The launches that an op over these tensors needs. Their addresses come at each run, from
// at(index of the tensor).
template <class At>
class TensorLaunches {
 public:
  explicit TensorLaunches(std::span<const TensorType> tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (i % kMostTensors == 0) {
        TensorTable<At> next = {};
        next.tensors_before = static_cast<int>(i);
        next.chunks_before = chunks();
        tables_.push_back(next);
      }
      TensorTable<At>& table = tables_.back();
      const int64_t elements = tensors[i].shape.elements();
      const int first = table.chunks();
      table.elements[table.tensors++] = elements;
      table.first_chunk[table.tensors] =
          first + static_cast<int>((elements + kTensorChunk - 1) / kTensorChunk);
    }
  }

  // Of all launches.
  int chunks() const {
    return tables_.empty() ? 0 : tables_.back().chunks_before + tables_.back().chunks();
  }

  // Calls f(table) for each launch.
  template <class AddressesOf, class F>
  void for_each(AddressesOf at, F f) const {
    for (TensorTable<At> table : tables_) {
      for (int i = 0; i < table.tensors; ++i) {
        table.at[i] = at(static_cast<std::size_t>(table.tensors_before + i));
      }
      f(table);
    }
  }

 private:
  std::vector<TensorTable<At>> tables_;
};

}  // namespace voluta
