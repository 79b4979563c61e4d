#pragma once

// What kernels that compute a matrix product ask of the View which tells them what it is a product of.
// The operands need not be matrices in memory, e.g. they are gathered from the tensors of a convolution:
//   out[row, column] = finish(sum_depth A[row, depth] * B[depth, column])
//
// A View has Element (T, of the operands), Out (the type stored), and
//   Place place<kRows, kColumns>(int block)   which tile a block computes; a Place has
//                                             first_row, rows, first_column, columns,
//                                             depth_begin, depth_end. No tile: first_row >= rows
//   Depth decode(place, int depth)            what an index of the depth means, e.g. a tap (r, s, c)
//   float finish(place, column, sum)          what is stored, e.g. with bias and activation
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
//   float finish(place, column, sum, z)       in place of the above, z the residual or 0
// They may then be gated, with
//   const Out* kept(place, row)               column 0 of its row of x = f(u); nullptr: no gate
//   float gate(float x, float output)         the output times f'(u)
// A View may also write the moments of its outputs (column_moments.cuh), in tiles of 128 rows:
//   float* moments; MomentTarget moment_target(place)
// or sums for a batch norm in front (column_sums.cuh), in tiles of 128 rows:
//   NormInFront norm; MomentTarget sum_target(place); int channel(place, column)
//   const Out* z(place, row)                  column 0 of a row of the batch norm's input

namespace voluta {

template <class Operand>
concept IsNormalised = Operand::kNormalised;

template <class View>
concept HasResidual = requires {
  &View::residual;
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

}  // namespace voluta
