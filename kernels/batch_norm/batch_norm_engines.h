#pragma once

// The engines of the room and what they share. Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm.h>

#include <algorithm>

namespace voluta::batch_norm {

// x or dy seen as a matrix [rows, channels].
struct Extents {
  int64_t rows, channels;
};
Extents extents(const Problem& problem);

// Elements from a row of a gradient's dy to the next.
int64_t dy_stride(const Problem& problem);

// Of a training gradient: the parts that its sums come in; what engines that read none answer first.
int64_t sum_parts(const Problem& problem);
Support supports_no_sums(const Problem& problem);

// Addresses of a training step by their letters; running statistics are updated in place in a plan.
template <class T, class Statistic>
struct TrainingOperands {
  const T* x;                                                   // [rows, channels]
  const Statistic *weight, *bias, *running_mean, *running_var;  // [channels]
  const int64_t* batches;                                       // []
  const T* residual;                                            // [rows, channels] or null
  const Statistic* moments;                                     // [parts, 2, channels] or null
  T* y;                                                         // [rows, channels] or null
  Statistic* normaliser;                                        // [3, channels] or null
  Statistic *mean, *inverse_deviation, *new_mean, *new_var;     // [channels]
  int64_t* new_batches;                                         // []

  TrainingOperands(const Args& args, const BatchNormOptions& options)
      : x(args.in<T>(0)),
        weight(args.in<Statistic>(1)),
        bias(args.in<Statistic>(2)),
        running_mean(args.in<Statistic>(3)),
        running_var(args.in<Statistic>(4)),
        batches(args.in<int64_t>(5)),
        residual(options.residual ? args.in<T>(6) : nullptr),
        moments(options.moments ? args.in<Statistic>(args.inputs.size() - 1) : nullptr),
        y(options.deferred ? nullptr : args.out<T>(0)),
        normaliser(options.deferred ? args.out<Statistic>(0) : nullptr),
        mean(args.out<Statistic>(1)),
        inverse_deviation(args.out<Statistic>(2)),
        new_mean(args.out<Statistic>(3)),
        new_var(args.out<Statistic>(4)),
        new_batches(args.out<int64_t>(5)) {}
};

// Addresses of inference.
template <class T, class Statistic>
struct InferenceOperands {
  const T* x;                                        // [rows, channels]
  const Statistic *weight, *bias, *mean, *variance;  // [channels]
  const T* residual;                                 // [rows, channels] or null
  T* y;                                              // [rows, channels]

  InferenceOperands(const Args& args, const BatchNormInferenceOptions& options)
      : x(args.in<T>(0)),
        weight(args.in<Statistic>(1)),
        bias(args.in<Statistic>(2)),
        mean(args.in<Statistic>(3)),
        variance(args.in<Statistic>(4)),
        residual(options.residual ? args.in<T>(5) : nullptr),
        y(args.out<T>(0)) {}
};

// What a gradient computes of the activation: nothing, from f's argument, or from what was kept.
enum class Through { kNothing, kArgument, kKept };

// Addresses of either gradient, and what lies between rows of dy. `spread` is the inverse deviation in
// training, else the variance.
template <class T, class Statistic>
struct GradientOperands {
  const T *x, *dy;  // [rows, channels], of dy dy_stride apart
  int64_t dy_stride;
  const Statistic *weight, *mean, *spread;  // [channels]
  T* dx;                                    // [rows, channels]
  Statistic *dweight, *dbias;               // [channels]
  const Statistic* bias = nullptr;          // [channels], for Through::kArgument
  const T* kept = nullptr;                  // [rows, channels], for Through::kKept
  const Statistic* sums = nullptr;          // [parts, 2, channels], where they come along
  T* du = nullptr;                          // [rows, channels], where it is an output

  template <class Options>
  GradientOperands(const Args& args, const Options& options, int64_t stride)
      : x(args.in<T>(0)),
        dy(args.in<T>(1)),
        dy_stride(stride),
        weight(args.in<Statistic>(2)),
        mean(args.in<Statistic>(3)),
        spread(args.in<Statistic>(4)),
        dx(args.out<T>(0)),
        dweight(args.out<Statistic>(1)),
        dbias(args.out<Statistic>(2)) {
    if (options.kept) {
      kept = args.in<T>(5);
    } else if (options.activation != ActivationKind::kNone) {
      bias = args.in<Statistic>(5);
    }
    if constexpr (requires { options.sums; }) {
      if (options.sums) sums = args.in<Statistic>(args.inputs.size() - 1);
      dy += options.dy_offset.value_or(0);
    }
    if (options.du) du = args.out<T>(3);
  }
};

// new_batches = batches + 1 on the CUDA device.
void count_batch(Stream& stream, const int64_t* batches, int64_t* new_batches);

extern const Engine kTrainingGivenMoments, kTrainingChunkedMoments, kTrainingCudnn, kTrainingOpenmp,
    kTrainingReference;
extern const Engine kTrainingGradientGivenSums, kTrainingGradientTwoPassReduction,
    kTrainingGradientCudnn, kTrainingGradientOpenmp, kTrainingGradientReference;
extern const Engine kInferenceBroadcast, kInferenceCudnn, kInferenceOpenmp, kInferenceReference;
extern const Engine kInferenceGradientTwoPassReduction, kInferenceGradientOpenmp,
    kInferenceGradientReference;

}  // namespace voluta::batch_norm
