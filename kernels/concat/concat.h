#pragma once

// Channels put side by side, cut out, and padded: on the last axis of tensors of any rank >= 1.
//   Concat        y[..., C_0 + ... + C_(i-1) + c] = x_i[..., c]
//   ChannelSlice  y[..., c] = x[..., offset + c]
//   ChannelPad    y[..., c] = x[..., c - before] where that is a channel of x, else 0
// Concat's gradient slices, a slice's pads, and a pad's slices.

#include <voluta/core/graph/op.h>

namespace voluta {

struct ConcatOptions {};

// (x_0[..., C_0], x_1[..., C_1], ...) -> y[..., sum of C_i]; one input or more, of one dtype and
// equal in all extents but the last.
struct Concat {
  using Options = ConcatOptions;
  static constexpr std::string_view kName = "concat";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2h3w4c5 x1=6 x2=7 f32": C_1, C_2
  static std::span<const Engine> engines();
};

struct ChannelSliceOptions {
  int64_t offset = 0, channels = 1;
};

// x[..., C] -> y[..., channels], with offset + channels <= C.
struct ChannelSlice {
  using Options = ChannelSliceOptions;
  static constexpr std::string_view kName = "channel_slice";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2h3w4c5 offset1 channels2 f32"
  static std::span<const Engine> engines();
};

struct ChannelPadOptions {
  int64_t before = 0, after = 0;
};

// x[..., C] -> y[..., before + C + after].
struct ChannelPad {
  using Options = ChannelPadOptions;
  static constexpr std::string_view kName = "channel_pad";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2h3w4c5 before1 after2 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
