// conv2d, algorithm "direct": one thread an output element, the formula read aloud.
//   y [n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c] * w[k,r,s,c])
//                 e and, of dx, d: kernels/common/epilogue.cuh
//   dx[n,h,w,c] = d(sum_{r,s,k} dy[n,p,q,k] * w[k,r,s,c-g*Cg])   where p*u-top+r*l = h, q likewise
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, g*Cg+c]
//   grid   (elements of the output / 256)     block 256     smem 0
//   regs   at most 32 (sm_90a), 40 (sm_80)
//   maps   thread t of block b owns output element 256*b + t, in memory order:
//          y:  ... k k+1 k+2 ...  a warp shares its pixel of x, and reads 32 filters
//          dx: ... c c+1 c+2 ...  a warp reads 32 neighbours of w, and shares dy[n,p,q,k]
//          dw: ... c c+1 c+2 ...  a warp reads 32 neighbours of x, and shares dy[n,p,q,k]
//   limits f32; fewer than 2^31 elements a tensor
//   measured never run on hardware
// Each sum runs in one thread in a fixed order, so two runs agree bit for bit.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>

namespace voluta {
namespace {

constexpr int kThreads = 256;

// Element of the output that this thread owns; may lie past the end.
__device__ int64_t owned_element() {
  return int64_t{blockIdx.x} * kThreads + threadIdx.x;
}

__global__ void conv2d_direct(const float* x, const float* filter, float* y, Conv2dKernelGeometry g,
                              Epilogue<float> epilogue) {
  const int64_t element = owned_element();  // of [N,P,Q,K]
  if (element >= int64_t{g.n} * g.p * g.q * g.k) return;
  int rest = static_cast<int>(element);
  const int k = rest % g.k;
  const int q = (rest /= g.k) % g.q;
  const int p = (rest /= g.q) % g.p;
  const int n = rest / g.p;
  const int first_c = k / g.group_k * g.group_c;

  float sum = 0.0f;
  for (int r = 0; r < g.r; ++r) {
    const int h = g.input_row(p, r);
    if (h < 0 || h >= g.h) continue;
    for (int s = 0; s < g.s; ++s) {
      const int w = g.input_column(q, s);
      if (w < 0 || w >= g.w) continue;
      const float* pixel = x + ((n * g.h + h) * g.w + w) * g.c + first_c;  // [C/G]
      const float* tap = filter + ((k * g.r + r) * g.s + s) * g.group_c;   // [C/G]
      for (int c = 0; c < g.group_c; ++c) sum = fmaf(pixel[c], tap[c], sum);
    }
  }
  y[element] = epilogue.finish(epilogue.channel(k), sum, epilogue.residual_at(element));
}

__global__ void conv2d_input_gradient_direct(const float* dy, const float* filter, float* dx,
                                             Conv2dKernelGeometry g, Epilogue<float> epilogue) {
  const int64_t element = owned_element();  // of [N,H,W,C]
  if (element >= int64_t{g.n} * g.h * g.w * g.c) return;
  int rest = static_cast<int>(element);
  const int c = rest % g.c;
  const int w = (rest /= g.c) % g.w;
  const int h = (rest /= g.w) % g.h;
  const int n = rest / g.h;
  const int group = c / g.group_c, first_k = group * g.group_k;
  const int filter_stride = g.r * g.s * g.group_c;  // from one k to the next

  float sum = 0.0f;
  for (int r = 0; r < g.r; ++r) {
    const int p = g.output_row(h, r);
    if (p < 0) continue;
    for (int s = 0; s < g.s; ++s) {
      const int q = g.output_column(w, s);
      if (q < 0) continue;
      const float* pixel = dy + ((n * g.p + p) * g.q + q) * g.k + first_k;  // [K/G]
      const float* tap = filter + ((first_k * g.r + r) * g.s + s) * g.group_c + c -
                         group * g.group_c;  // [K/G], filter_stride apart
      for (int k = 0; k < g.group_k; ++k) sum = fmaf(pixel[k], tap[k * filter_stride], sum);
    }
  }
  dx[element] = epilogue.gated(element, sum + epilogue.residual_at(element));
}

__global__ void conv2d_filter_gradient_direct(const float* x, const float* dy, float* dw,
                                              Conv2dKernelGeometry g) {
  const int64_t element = owned_element();  // of [K,R,S,C/G]
  if (element >= int64_t{g.k} * g.r * g.s * g.group_c) return;
  int rest = static_cast<int>(element);
  const int c = rest % g.group_c;
  const int s = (rest /= g.group_c) % g.s;
  const int r = (rest /= g.s) % g.r;
  const int k = rest / g.r;
  const int channel = k / g.group_k * g.group_c + c;

  float sum = 0.0f;
  for (int n = 0; n < g.n; ++n) {
    for (int p = 0; p < g.p; ++p) {
      const int h = g.input_row(p, r);
      if (h < 0 || h >= g.h) continue;
      const float* input = x + (n * g.h + h) * g.w * g.c + channel;  // [W], C apart
      const float* output = dy + (n * g.p + p) * g.q * g.k + k;      // [Q], K apart
      for (int q = 0; q < g.q; ++q) {
        const int w = g.input_column(q, s);
        if (w >= 0 && w < g.w) sum = fmaf(input[w * g.c], output[q * g.k], sum);
      }
    }
  }
  dw[element] = sum;
}

Support supports(const Problem& problem) {
  const Support support = supports_one_output(problem);
  return support.ok ? supports_conv2d_kernel(problem) : support;
}

LaunchShape shape_for(const Problem& problem) {
  return {.grid = {blocks_for(problem.outputs[0].shape.elements(), kThreads), 1, 1},
          .block = {kThreads, 1, 1}};
}

Execution prepare_forward(const Problem& problem) {
  const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
  return {0, [g, epilogue = EpilogueBinder(problem), shape = shape_for(problem)](const Args& args,
                                                                                 Stream& stream) {
            launch(stream, "conv2d_direct", shape, conv2d_direct, args.in<float>(0),
                   args.in<float>(1), args.out<float>(0), g, epilogue.bind<float>(args));
          }};
}

Execution prepare_input_gradient(const Problem& problem) {
  const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
  return {0, [g, epilogue = EpilogueBinder(problem), shape = shape_for(problem)](const Args& args,
                                                                                 Stream& stream) {
            launch(stream, "conv2d_input_gradient_direct", shape, conv2d_input_gradient_direct,
                   args.in<float>(0), args.in<float>(1), args.out<float>(0), g,
                   epilogue.bind<float>(args));
          }};
}

Execution prepare_filter_gradient(const Problem& problem) {
  const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
  return {0, [=, shape = shape_for(problem)](const Args& args, Stream& stream) {
            launch(stream, "conv2d_filter_gradient_direct", shape, conv2d_filter_gradient_direct,
                   args.in<float>(0), args.in<float>(1), args.out<float>(0), g);
          }};
}

}  // namespace

const Engine kConv2dDirect = {"direct", DeviceType::kCuda, EngineRole::kProduct, supports,
                              prepare_forward};
const Engine kConv2dInputGradientDirect = {"direct", DeviceType::kCuda, EngineRole::kProduct,
                                           supports, prepare_input_gradient};
const Engine kConv2dFilterGradientDirect = {"direct", DeviceType::kCuda, EngineRole::kProduct,
                                            supports_conv2d_kernel, prepare_filter_gradient};

}  // namespace voluta
