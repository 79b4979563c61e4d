#include <voluta/kernels/common/channels.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/concat/concat_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Written in channels of the output, not in copies: it judges whether the others' are the right
// ones. `source` says which input and which of its channels output channel c is; input -1: zero.
struct Source {
  int input;
  int64_t channel;
};

template <class Find>
Execution prepare_by(const Problem& problem, Find source) {
  return {.run = [problem, source](const Args& args, Stream&) {
    dispatch_floating(problem.outputs[0].dtype, [&]<class T>() {
      const int64_t channels = channels_of(problem.outputs[0]);
      T* y = args.out<T>(0);
      for (int64_t i = 0; i < problem.outputs[0].shape.elements(); ++i) {
        const auto [input, channel] = source(problem, i % channels);
        if (input < 0) {
          y[i] = from_double<T>(0);
          continue;
        }
        const auto index = static_cast<std::size_t>(input);
        const int64_t row = i / channels * channels_of(problem.inputs[index]);
        y[i] = args.in<T>(index)[row + channel];
      }
    });
  }};
}

Execution prepare_concat(const Problem& problem) {
  return prepare_by(problem, [](const Problem& p, int64_t c) {
    int input = 0;
    for (; c >= channels_of(p.inputs[static_cast<std::size_t>(input)]); ++input) {
      c -= channels_of(p.inputs[static_cast<std::size_t>(input)]);
    }
    return Source{input, c};
  });
}

Execution prepare_slice(const Problem& problem) {
  return prepare_by(problem, [](const Problem& p, int64_t c) {
    return Source{0, p.options_as<ChannelSliceOptions>().offset + c};
  });
}

Execution prepare_pad(const Problem& problem) {
  return prepare_by(problem, [](const Problem& p, int64_t c) {
    const int64_t from = c - p.options_as<ChannelPadOptions>().before;
    return Source{from >= 0 && from < channels_of(p.inputs[0]) ? 0 : -1, from};
  });
}

}  // namespace

const Engine kConcatReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                              prepare_concat};
const Engine kChannelSliceReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                    prepare_slice};
const Engine kChannelPadReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                  prepare_pad};

}  // namespace voluta
