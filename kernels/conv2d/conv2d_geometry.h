#pragma once

// The extents of a convolution in the literature's letters, the same for the three directions: what
// the engines of this room compute with.

#include <voluta/kernels/conv2d/conv2d.h>

namespace voluta {

template <class Int>
struct Conv2dGeometryOf {
  Int n, h, w, c;  // x[N,H,W,C]
  Int k, r, s;     // w[K,R,S,C/G]
  Int p, q;        // y[N,P,Q,K]
  Int u, v;        // stride of rows, columns
  Int l, m;        // dilation of rows, columns
  Int top, left;   // padding before the first row, column
  Int groups;
  Int group_c, group_k;  // C/G, K/G

  // Row of x under filter row `r_` of output row `p_`; outside [0,H) in the padding. Likewise
  // column.
  VOLUTA_HOST_DEVICE Int input_row(Int p_, Int r_) const { return p_ * u - top + r_ * l; }
  VOLUTA_HOST_DEVICE Int input_column(Int q_, Int s_) const { return q_ * v - left + s_ * m; }

  // Row of y whose filter row `r_` lies on row `h_` of x; -1 where there is none. Likewise column.
  VOLUTA_HOST_DEVICE Int output_row(Int h_, Int r_) const {
    return output_position(h_ + top - r_ * l, u, p);
  }
  VOLUTA_HOST_DEVICE Int output_column(Int w_, Int s_) const {
    return output_position(w_ + left - s_ * m, v, q);
  }

 private:
  VOLUTA_HOST_DEVICE static Int output_position(Int offset, Int stride, Int extent) {
    if (offset < 0) return -1;
    const Int position = offset / stride;
    return position * stride == offset && position < extent ? position : -1;
  }
};

// 64 bits for references and the host, 32 for kernels (fits_kernels() says where they suffice).
using Conv2dGeometry = Conv2dGeometryOf<int64_t>;
using Conv2dKernelGeometry = Conv2dGeometryOf<int>;

// Of a problem of any of the three ops.
Conv2dGeometry conv2d_geometry(const Problem& problem);
// Of x[N,H,W,C], w[K,R,S,C/G] and y[N,P,Q,K].
Conv2dGeometry conv2d_geometry(const Conv2dOptions& options, const Shape& x, const Shape& w,
                               const Shape& y);

// The options shared by the three ops.
const Conv2dOptions& conv2d_options(const Problem& problem);

Conv2dKernelGeometry kernel_geometry(const Conv2dGeometry& geometry);

// Which inputs of a forward problem or an input gradient the parts of its epilogue are; 0: it has none.
struct Conv2dEpilogueInputs {
  std::size_t bias = 0, scale = 0, shift = 0, residual = 0;
  std::size_t kept = 0;  // of an input gradient: x, where it is gated

  // Of a part; nullptr where there is none.
  template <class T>
  static const T* address(const Args& args, std::size_t input) {
    return input == 0 ? nullptr : args.in<T>(input);
  }
};
constexpr int64_t kMomentRows = 128;  // of y, in one part of its moments

// Which input of a problem of any of the three ops is its normaliser; 0: it has no prologue.
std::size_t conv2d_normaliser(const Problem& problem);

// The same without its prologue: of xhat for x.
Problem without_prologue(const Problem& problem);

// What engines that take no prologue answer first.
Support supports_no_prologue(const Problem& problem);

// The limits of an engine that takes prologues, from what it asks of a problem without.
template <Support (*kSupports)(const Problem&)>
Support with_prologue(const Problem& problem) {
  return kSupports(without_prologue(problem));
}

// What engines that compute neither the moments of y nor the sums of dx answer first.
Support supports_one_output(const Problem& problem);

// Of a problem of any of the three ops; filter gradients have no epilogue.
Conv2dEpilogueInputs conv2d_epilogue_inputs(const Problem& problem);

// Which input of an input gradient with sums is z, the first of the batch norm's: behind its epilogue's.
std::size_t conv2d_norm_in_front(const Conv2dInputGradientOptions& options);

// What engines of the input gradient that store dx as it is answer first.
Support supports_no_gradient_epilogue(const Problem& problem);

// Roundings that the epilogue adds to an output's longest path, not counting the activation's.
int64_t conv2d_epilogue_roundings(const Problem& problem);

// The limits of every hand-written CUDA kernel of this room: no prologue, each tensor and padded image
// within 31-bit indices. Then also f32.
Support supports_conv2d_indices(const Problem& problem);
Support supports_conv2d_kernel(const Problem& problem);

// The limits of those that compute a matrix product: that its three extents fit an int, rounded up
// to whole tiles.
Support supports_conv2d_product(const Problem& problem);

}  // namespace voluta
