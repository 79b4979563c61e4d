#pragma once

// Winograd's minimal filtering for 3 x 3 filters of stride 1: what the engines "winograd_2x2" and
// "winograd_4x4" share on the host. With M = 2 or 4 an output tile of M x M is
//   Y = A^T [ sum_c (G w G^T) (.) (B^T x B) ] A        (.): element by element
// from an input tile of (M+2) x (M+2): (M+2)^2 products where the definition takes 9 M^2, which
// are 16 for 36 (2.25 times fewer) and 36 for 144 (4 times fewer). Tiles overhang the output;
// inputs outside the image are zeros. The input gradient is the same on dy with the filters turned
// by 180 degrees and transposed. The filter gradient is the derivative by w, in the same 16 or 36 products:
//   dw = G^T [ sum_tiles (B^T x B) (.) (A dy A^T) ] G
// Source: Lavin and Gray 2015, "Fast algorithms for convolutional neural networks", arXiv 1509.09308,
// equations 9 (F(2,3)) and section 4.3 (F(4,3)).
//
// Note [Winograd's error]
// Every product of an input of the tile with a tap of the filter passes through sums of any output
// of the tile, where those that do not belong there cancel: up to rounding. So the error of an
// output is no multiple of the definition's S = sum |x||w| at that output. (S is 0 where a window
// sees only padding, but F(4x4)'s result there is what rounding leaves of its neighbours' inputs.)
// It is a multiple of the same computation on absolute values:
//   T = (|A^T| [ sum_c (|G| |w| |G|^T) (.) (|B^T| |x| |B|) ] |A| + |b|) |scale| + |shift| + |z|
//   |y - exact| <= k u / (1 - k u) T,  u = 2^-24,
// k the roundings on the longest path (Higham 2002, "Accuracy and stability", lemma 3.1): a row of
// B^T or A^T with z entries costs z-1 (its first factor is a power of two, the others are fused),
// one of G 2, in F(4x4) 4 (1/6, 1/12 and 1/24 are rounded, and so is the first product); each
// transform has two passes; the sum over C channels takes C fused additions; the epilogue has e:
// one for the bias, two for scale and shift, one for the residual.
//          B^T    G      A^T    k
//   F2     2 x 1  2 x 2  2 x 2  C + 10 + e
//   F4     2 x 3  2 x 4  2 x 4  C + 22 + e
// How much larger T is than S follows from sums of absolute values along rows. Where all |x| and
// all |w| are equal, it is by (max_j sum_i |A^T_ji| |G_i|_1 |B^T_i|_1 / 3)^2:
//   F2     (8 / 3)^2 = 7.1      F4     (48 / 3)^2 = 256
// and k is about C where the definition adds 9 C products: F2 may err 0.8 times, F4 28 times as
// much as the definition's sums may. The judge takes T itself, so each engine is held to its own.
//
// Of the filter gradient, likewise, with the sum over the tiles and as many parts as it is split into:
//   T = |G^T| [ sum_tiles (|B^T| |x| |B|) (.) (|A| |dy| |A^T|) ] |G|
//   F2     B^T 2 x 1, A 2 x 1, G^T 2 x 2       k = tiles + parts + 8
// Where all |x| and all |dy| are equal, T is 9 S in the corners of the filter and 4 S in its middle, and k a
// quarter of the definition's N P Q: F2 may err 2.25 times as much in the corners, no more in the middle.
//
// Integers: F2 divides by 2 and 4 alone, which is exact while 256 max|x| max|w| C < 2^24. F4
// divides by 6 and 24, so its results on integers are rounded.
//
// Special values: a NaN or an infinity among the inputs makes whole tiles of outputs NaN, also
// those whose windows do not hold it.

#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <vector>

namespace voluta::winograd {

// F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3), each with its matrices.
struct F2 {
  static constexpr int kOutputs = 2, kInputs = 4;  // a side of an output tile, of an input tile
  static constexpr int kRoundings = 10;            // of the transforms, on the longest path

  struct Input {  // B^T
    static constexpr int kRows = 4, kColumns = 4;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
      return matrix[i][j];
    }
  };
  struct Filter {  // G
    static constexpr int kRows = 4, kColumns = 3;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
      return matrix[i][j];
    }
  };
  struct Output {  // A^T
    static constexpr int kRows = 2, kColumns = 4;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
      return matrix[i][j];
    }
  };
};

struct F4 {
  static constexpr int kOutputs = 4, kInputs = 6;
  static constexpr int kRoundings = 22;

  struct Input {
    static constexpr int kRows = 6, kColumns = 6;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0},
                                       {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0},
                                       {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
      return matrix[i][j];
    }
  };
  struct Filter {
    static constexpr int kRows = 6, kColumns = 3;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[6][3] = {{1.0 / 4, 0, 0},
                                       {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                       {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                       {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                       {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                       {0, 0, 1}};
      return matrix[i][j];
    }
  };
  struct Output {
    static constexpr int kRows = 4, kColumns = 6;
    VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) {
      constexpr double matrix[4][6] = {
          {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
      return matrix[i][j];
    }
  };
};

// The matrix of the gradient of what a matrix transforms.
template <class Matrix>
struct Transposed {
  static constexpr int kRows = Matrix::kColumns, kColumns = Matrix::kRows;
  VOLUTA_HOST_DEVICE static constexpr double at(int i, int j) { return Matrix::at(j, i); }
};

// The convolution that is computed: out[n,p,q,k] = sum in[n, p-top+r, q-left+s, c] * filter[k,r,s,c],
// for the forward op and the filter gradient of x and w, for the input gradient of dy and the turned w.
struct Convolution {
  int n, h, w, c;  // in[N,H,W,C]
  int p, q, k;     // out[N,P,Q,K]
  int top, left;   // zeros before the first row, column; negative: so many are passed over
  int tile_rows, tile_columns, tiles;  // of one image, of one image, of all
  bool turned;                         // w is [C,R,S,K], to be turned by 180 degrees
};

// Of a problem of one of the three ops, with output tiles of so many rows and columns.
Convolution convolution(const Problem& problem, int outputs);

// 3 x 3, stride 1, dilation 1, one group, f32, 31-bit indices.
Support supports(const Problem& problem);

// Rounding::bounds of Note [Winograd's error].
template <class F>
std::vector<double> bounds(const Problem& problem, const Args& args);
std::vector<double> filter_gradient_bounds(const Problem& problem, const Args& args);  // of F2

// Into how many parts the filter gradient of F2 splits its tiles: blocks of 32 channels and 64 filters go twice
// round a chip of 132 SMs, as long as there are 16 steps of 8 tiles for each. A function of the problem
// alone, so that results do not depend on the device.
int filter_gradient_splits(const Convolution& conv);

}  // namespace voluta::winograd
