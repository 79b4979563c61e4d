#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/channels.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/concat/concat_engines.h>

#include <numeric>

namespace voluta {
namespace {

void check_has_channels(std::string_view op, const TensorType& x) {
  if (x.shape.rank() < 1) invalid(std::string(op) + ": a scalar has no channels");
}

std::string describe_with(const Problem& problem, const std::string& words) {
  return describe_extents(problem.inputs[0].shape) + words + " " +
         std::string(name_of(problem.inputs[0].dtype));
}

std::string word(const char* name, int64_t value) {
  return std::string(" ") + name + std::to_string(value);
}

Cost copy_cost(const Problem& problem) {
  return {.bytes = bytes_touched(problem)};
}

}  // namespace

std::vector<ColumnCopy> column_copies(const Problem& problem) {
  const int64_t to_stride = channels_of(problem.outputs[0]);
  const int64_t rows = to_stride ? problem.outputs[0].shape.elements() / to_stride : 0;
  if (problem.op->name == ChannelSlice::kName) {
    const auto& slice = problem.options_as<ChannelSliceOptions>();
    return {{.rows = rows,
             .columns = to_stride,
             .from_stride = channels_of(problem.inputs[0]),
             .from_offset = slice.offset,
             .to_stride = to_stride}};
  }
  std::vector<ColumnCopy> copies;
  int64_t offset =
      problem.op->name == ChannelPad::kName ? problem.options_as<ChannelPadOptions>().before : 0;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
    const int64_t columns = channels_of(problem.inputs[i]);
    copies.push_back({.input = i,
                      .rows = rows,
                      .columns = columns,
                      .from_stride = columns,
                      .to_stride = to_stride,
                      .to_offset = offset});
    offset += columns;
  }
  return copies;
}

std::vector<TensorType> Concat::infer(const Options&, std::span<const TensorType> inputs) {
  if (inputs.empty()) invalid("concat: there is nothing to put side by side");
  check_floating_inputs(kName, inputs, inputs.size());
  int64_t channels = 0;
  for (const TensorType& x : inputs) {
    check_has_channels(kName, x);
    if (x.shape.rank() != inputs[0].shape.rank() ||
        with_channels(x, 1).shape != with_channels(inputs[0], 1).shape) {
      invalid("concat: " + to_string(inputs[0].shape) + " and " + to_string(x.shape) +
              " differ in more than their channels");
    }
    channels += channels_of(x);
  }
  return {with_channels(inputs[0], channels)};
}

void Concat::gradient(GradientContext& context) {
  int64_t offset = 0;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const int64_t channels = channels_of(context.problem().inputs[i]);
    if (context.wants(i)) {
      context.set(i, context.add<ChannelSlice>({.offset = offset, .channels = channels},
                                               {context.output_gradient(0)}));
    }
    offset += channels;
  }
}

Cost Concat::cost(const Problem& problem) {
  return copy_cost(problem);
}

int64_t Concat::reduction_length(const Problem&) {
  return 0;
}

std::string Concat::describe(const Problem& problem) {
  std::string words;
  for (std::size_t i = 1; i < problem.inputs.size(); ++i) {
    words +=
        word("x", static_cast<int64_t>(i)) + "=" + std::to_string(channels_of(problem.inputs[i]));
  }
  return describe_with(problem, words);
}

std::span<const Engine> Concat::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kConcatCopyColumns,
#endif
      kConcatOpenmp, kConcatReference};
  return engines;
}

std::vector<TensorType> ChannelSlice::infer(const Options& options,
                                            std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  check_has_channels(kName, inputs[0]);
  const int64_t have = channels_of(inputs[0]);
  if (options.offset < 0 || options.channels < 1 || options.offset > have - options.channels) {
    invalid("channel_slice: " + std::to_string(options.channels) + " channels from channel " +
            std::to_string(options.offset) + " on are not within " + to_string(inputs[0].shape));
  }
  return {with_channels(inputs[0], options.channels)};
}

void ChannelSlice::gradient(GradientContext& context) {
  const auto& slice = context.options<Options>();
  const int64_t have = channels_of(context.problem().inputs[0]);
  context.set(0, context.add<ChannelPad>(
                     {.before = slice.offset, .after = have - slice.offset - slice.channels},
                     {context.output_gradient(0)}));
}

Cost ChannelSlice::cost(const Problem& problem) {
  return {.bytes = 2 * static_cast<double>(problem.outputs[0].bytes())};
}

int64_t ChannelSlice::reduction_length(const Problem&) {
  return 0;
}

std::string ChannelSlice::describe(const Problem& problem) {
  const auto& slice = problem.options_as<Options>();
  return describe_with(problem, word("offset", slice.offset) + word("channels", slice.channels));
}

std::span<const Engine> ChannelSlice::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kChannelSliceCopyColumns,
#endif
      kChannelSliceOpenmp, kChannelSliceReference};
  return engines;
}

std::vector<TensorType> ChannelPad::infer(const Options& options,
                                          std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  check_has_channels(kName, inputs[0]);
  if (options.before < 0 || options.after < 0) {
    invalid("channel_pad: " + std::to_string(options.before) + " channels before and " +
            std::to_string(options.after) + " after; neither may be negative");
  }
  return {with_channels(inputs[0], options.before + channels_of(inputs[0]) + options.after)};
}

void ChannelPad::gradient(GradientContext& context) {
  context.set(0, context.add<ChannelSlice>({.offset = context.options<Options>().before,
                                            .channels = channels_of(context.problem().inputs[0])},
                                           {context.output_gradient(0)}));
}

Cost ChannelPad::cost(const Problem& problem) {
  return copy_cost(problem);
}

int64_t ChannelPad::reduction_length(const Problem&) {
  return 0;
}

std::string ChannelPad::describe(const Problem& problem) {
  const auto& pad = problem.options_as<Options>();
  return describe_with(problem, word("before", pad.before) + word("after", pad.after));
}

std::span<const Engine> ChannelPad::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kChannelPadCopyColumns,
#endif
      kChannelPadOpenmp, kChannelPadReference};
  return engines;
}

}  // namespace voluta
