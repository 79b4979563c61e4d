#pragma once

// What kernels that compute a matrix product ask of the View which tells them what it is a product of.
// The operands need not be matrices in memory, e.g. they are gathered from the tensors of a convolution:
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]
//
// A View has Element (T, of the operands), Out (the type stored), and
//   Place place<kRows, kColumns>(int block)   which tile a block computes; a Place has
//                                             first_row, rows, first_column, columns,
//                                             depth_begin, depth_end. No tile: first_row >= rows
//   Depth decode(place, int depth)            what an index of the depth means, e.g. a tap (r, s, c)
//   Out* output(place, row)                   where column 0 of a row goes
//   bool vector_store                         whether chunks of a row are 16 aligned bytes
// and operands A and B, each with
//   kDepthFastest                             whether neighbours in depth are neighbours in memory
//   const T* data(view, place)
//   Line line(view, place, index)             a row of A or a column of B, decoded once a tile
//   int offset(view, place, line, depth)      of an element from data(); negative: a zero
// Elements are normalised on their way (prologue.cuh), by view.normaliser, where an operand has
//   kNormalised                               true
//   int channel(view, place, line, depth)     of an element
// Another tensor may be added to the outputs before they are rounded, with
//   const Out* residual(place, row)           column 0 of its row; nullptr: none is added
// which is z of an epilogue (epilogue.cuh), with
//   Epilogue<Out> epilogue                    its residual and gate are as the functions here say
//   int epilogue_channel(place, column)       a column's k in it
// They may then be gated, with
//   const Out* kept(place, row)               column 0 of its row of x = f(u); nullptr: no gate
//   float gate(float x, float output)         the output times f'(u)
// A View may also write the moments of its outputs (column_moments.cuh), in tiles of 128 rows:
//   float* moments; MomentTarget moment_target(place)
// or sums for a batch norm in front (column_sums.cuh), in tiles of 128 rows:
//   NormInFront norm; MomentTarget sum_target(place); int channel(place, column)
//   const Out* z(place, row)                  column 0 of a row of the batch norm's input

#include <voluta/kernels/common/epilogue.cuh>

namespace voluta {

template <class Operand>
concept IsNormalised = Operand::kNormalised;

template <class View>
concept HasResidual = requires {
  &View::residual;
};

template <class View>
concept HasEpilogue = requires {
  &View::epilogue_channel;
};

template <class View>
concept HasGate = requires {
  &View::kept;
};

template <class View>
concept HasMoments = requires {
  &View::moment_target;
};

template <class View>
concept HasSums = requires {
  &View::sum_target;
};

// What a sum is before a gate, by a thread that finishes element by element. z: of the residual, or 0.
template <class View>
__device__ float finish_sum(const View& view, const typename View::Place& place, int column,
                            float sum, [[maybe_unused]] float z) {
  if constexpr (HasEpilogue<View>) {
    const auto& epilogue = view.epilogue;
    if (epilogue.plain) return sum;
    return epilogue.finish(epilogue.channel(view.epilogue_channel(place, column)), sum, z);
  } else if constexpr (HasResidual<View>) {
    return sum + z;
  } else {
    return sum;
  }
}

}  // namespace voluta
