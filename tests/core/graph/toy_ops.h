#pragma once

// Ops small enough to see through, for tests of the graph machinery: the core names no op, and
// neither do its tests. All on f32 vectors of one length, on the CPU.

#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>

#include <algorithm>

namespace voluta::toy {

struct NoOptions {};

inline Support always(const Problem&) {
  return Support::yes();
}

// What the toy ops share: one output like the first input, cost and names of no interest.
struct Elementwise {
  using Options = NoOptions;
  static std::vector<TensorType> infer(const NoOptions&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static Cost cost(const Problem& problem) { return {0, bytes_touched(problem)}; }
  static int64_t reduction_length(const Problem&) { return 0; }
  static std::string describe(const Problem& problem) { return to_string(problem.inputs[0]); }
};

// An engine whose output i is f(inputs at i), with a workspace that it fills to prove it is its
// own.
template <float (*F)(const Args&, int64_t)>
Execution prepare_elementwise(const Problem& problem) {
  const int64_t count = problem.outputs[0].shape.elements();
  return {.workspace_bytes = 64, .run = [count](const Args& args, Stream&) {
            for (int i = 0; i < 64; ++i)
              static_cast<std::byte*>(args.workspace)[i] = std::byte{0xff};
            for (int64_t i = 0; i < count; ++i) args.out<float>(0)[i] = F(args, i);
          }};
}
template <Execution (*Prepare)(const Problem&)>
std::span<const Engine> prepared_engine() {
  static const Engine kEngines[] = {
      {"reference", DeviceType::kCpu, EngineRole::kReference, always, Prepare}};
  return kEngines;
}
template <float (*F)(const Args&, int64_t)>
std::span<const Engine> one_engine() {
  return prepared_engine<prepare_elementwise<F>>();
}

struct Sum : Elementwise {  // (a, b) -> a + b
  static constexpr std::string_view kName = "toy_sum";
  static float at(const Args& args, int64_t i) {
    return args.in<float>(0)[i] + args.in<float>(1)[i];
  }
  static void gradient(GradientContext& context) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (context.wants(i)) context.set(i, context.output_gradient(0));
    }
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static std::vector<Alias> aliases(const Problem&) { return {{0, 0}, {1, 0}}; }
};

struct Product : Elementwise {  // (a, b) -> a * b
  static constexpr std::string_view kName = "toy_product";
  static float at(const Args& args, int64_t i) {
    return args.in<float>(0)[i] * args.in<float>(1)[i];
  }
  static void gradient(GradientContext& context) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (!context.wants(i)) continue;
      context.set(i, context.add<Product>({}, {context.output_gradient(0), context.input(1 - i)}));
    }
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
};

struct Negate : Elementwise {  // a -> -a
  static constexpr std::string_view kName = "toy_negate";
  static float at(const Args& args, int64_t i) { return -args.in<float>(0)[i]; }
  static void gradient(GradientContext& context) {
    context.set(0, context.add<Negate>({}, {context.output_gradient(0)}));
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static std::vector<Alias> aliases(const Problem&) { return {{0, 0}}; }
};

// What multiplies by options.factor() and absorbs a Negate that reads it.
struct TwiceOptions {
  bool negated = false;
  float factor() const { return negated ? -2.0f : 2.0f; }
};
struct Doubling : Elementwise {
  using Options = TwiceOptions;
  static bool fuse(const Problem& producer, const Problem& consumer, int, Fusion& fusion) {
    if (consumer.op != &op<Negate>() || producer.options_as<Options>().negated) return false;
    fusion.options = std::make_shared<const Options>(Options{.negated = true});
    return true;
  }
};

struct Twice : Doubling {  // a -> 2a, or -2a
  static constexpr std::string_view kName = "toy_twice";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static void gradient(GradientContext& context) {
    context.set(0, context.add<Twice>({}, {context.output_gradient(0)}));
  }
  static Execution prepare(const Problem& problem) {
    const float factor = problem.options_as<Options>().factor();
    const int64_t count = problem.outputs[0].shape.elements();
    return {.run = [factor, count](const Args& args, Stream&) {
      for (int64_t i = 0; i < count; ++i) args.out<float>(0)[i] = factor * args.in<float>(0)[i];
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
};

struct Difference : Elementwise, NotDifferentiable {  // (a, b) -> a - b
  static constexpr std::string_view kName = "toy_difference";
  static float at(const Args& args, int64_t i) {
    return args.in<float>(0)[i] - args.in<float>(1)[i];
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
};

// (a, optional b) -> a + b. Absorbs a Sum on either side of it, and a Difference on the left, whose
// other input a prelude negates.
struct Total : Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_total";
  static float at(const Args& args, int64_t i) {
    return args.in<float>(0)[i] + (args.inputs.size() == 2 ? args.in<float>(1)[i] : 0);
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
    if (producer.inputs.size() == 2) return false;
    fusion = {.options = producer.options, .consumer_inputs = {1 - input}};
    if (consumer.op == &op<Difference>() && input == 0) {
      fusion.prelude = new_node<Negate>({});
      return true;
    }
    return consumer.op == &op<Sum>();
  }
};

// a -> (2a, 3a); absorbs a Negate of the first: a -> (-2a, 3a).
struct TwiceAndThrice : Doubling, NotDifferentiable {
  static constexpr std::string_view kName = "toy_twice_and_thrice";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0], inputs[0]};
  }
  static Execution prepare(const Problem& problem) {
    const float factor = problem.options_as<Options>().factor();
    const int64_t count = problem.outputs[0].shape.elements();
    return {.run = [factor, count](const Args& args, Stream&) {
      for (int64_t i = 0; i < count; ++i) {
        args.out<float>(0)[i] = factor * args.in<float>(0)[i];
        args.out<float>(1)[i] = 3 * args.in<float>(0)[i];
      }
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
};

// (a, b, ...) -> (-a, -b, ...); joins.
struct NegateEach : Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_negate_each";
  static std::vector<TensorType> infer(const NoOptions&, std::span<const TensorType> inputs) {
    return {inputs.begin(), inputs.end()};
  }
  static Execution prepare(const Problem& problem) {
    return {.run = [types = problem.inputs](const Args& args, Stream&) {
      for (std::size_t t = 0; t < types.size(); ++t) {
        for (int64_t i = 0; i < types[t].shape.elements(); ++i) {
          args.out<float>(t)[i] = -args.in<float>(t)[i];
        }
      }
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
  static bool join(const Problem&, const Problem&) { return true; }
};

// (a, s) -> a + s; absorbs a Negate that computes a: (a, s) -> s - a, and where it is shared -a.
struct ShiftOptions {
  bool negates = false, shared = false;
};
struct Shift : Elementwise, NotDifferentiable {
  using Options = ShiftOptions;
  static constexpr std::string_view kName = "toy_shift";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs) {
    return std::vector<TensorType>(options.shared ? 2 : 1, inputs[0]);
  }
  static Execution prepare(const Problem& problem) {
    const Options options = problem.options_as<Options>();
    const int64_t count = problem.outputs[0].shape.elements();
    return {.run = [options, count](const Args& args, Stream&) {
      for (int64_t i = 0; i < count; ++i) {
        const float a = options.negates ? -args.in<float>(0)[i] : args.in<float>(0)[i];
        args.out<float>(0)[i] = a + args.in<float>(1)[i];
        if (options.shared) args.out<float>(1)[i] = a;
      }
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
  static bool absorb(const Graph& graph, const Node& consumer, int input, Absorption& absorption) {
    const Node& producer = *graph.producer(consumer.inputs[static_cast<std::size_t>(input)]);
    if (input != 0 || producer.problem.op != &op<Negate>()) return false;
    absorption.options = std::make_shared<const Options>(Options{true, absorption.shared});
    absorption.inputs = {producer.inputs[0], consumer.inputs[1]};
    return true;
  }
};

// (state, step) -> state + step, written over the state.
struct Advance : Elementwise, NotDifferentiable {
  static constexpr std::string_view kName = "toy_advance";
  static float at(const Args& args, int64_t i) { return Sum::at(args, i); }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static std::vector<Alias> aliases(const Problem&) { return {{0, 0, true}}; }
};

inline Tensor vector(std::initializer_list<float> values) {
  Tensor tensor(DType::f32, Shape{static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.data<float>().begin());
  return tensor;
}

inline Tensor scalar(float value) {
  Tensor tensor(DType::f32, Shape{});
  tensor.data<float>()[0] = value;
  return tensor;
}

inline std::function<void(Tensor&)> filled(float value) {
  return [value](Tensor& tensor) { std::ranges::fill(tensor.data<float>(), value); };
}

struct TensOptions {
  bool tens = false;
};

// a -> -a, and with the option 10 a too; (a, b) -> -a, and with the option 10 a + b too.
struct Source : Elementwise, NotDifferentiable {
  using Options = TensOptions;
  static constexpr std::string_view kName = "toy_source";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs) {
    return std::vector<TensorType>(options.tens ? 2 : 1, inputs[0]);
  }
  static Execution prepare(const Problem& problem) {
    const bool tens = problem.options_as<Options>().tens, adds = problem.inputs.size() == 2;
    const int64_t count = problem.outputs[0].shape.elements();
    return {.run = [tens, adds, count](const Args& args, Stream&) {
      for (int64_t i = 0; i < count; ++i) {
        const float a = args.in<float>(0)[i];
        args.out<float>(0)[i] = -a;
        if (tens) args.out<float>(1)[i] = 10 * a + (adds ? args.in<float>(1)[i] : 0);
      }
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
};

// a -> 10 a; with the option (a, t) -> a + t. Asks a Source that computes a for its tens, so that a
// test sees by the result which of the two ran.
struct Tens : Elementwise, NotDifferentiable {
  using Options = TensOptions;
  static constexpr std::string_view kName = "toy_tens";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static float at(const Args& args, int64_t i) {
    const float a = args.in<float>(0)[i];
    return args.inputs.size() == 2 ? a + args.in<float>(1)[i] : 10 * a;
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static bool request(const Problem& consumer, const Problem& producer, int input,
                      Request& request) {
    if (input != 0 || producer.op != &op<Source>()) return false;
    if (consumer.options_as<Options>().tens || producer.options_as<Options>().tens) return false;
    const auto tens = std::make_shared<const TensOptions>(TensOptions{.tens = true});
    request = {tens, tens};
    return true;
  }
};

// (a, b) -> 10 a + b; with the option (a, b, t) -> a + t. As Tens, and lends the Source its b.
struct TensAndMore : Elementwise, NotDifferentiable {
  using Options = TensOptions;
  static constexpr std::string_view kName = "toy_tens_and_more";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static float at(const Args& args, int64_t i) {
    const float a = args.in<float>(0)[i];
    return args.inputs.size() == 3 ? a + args.in<float>(2)[i] : 10 * a + args.in<float>(1)[i];
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static bool request(const Problem& consumer, const Problem& producer, int input,
                      Request& request) {
    if (!Tens::request(consumer, producer, input, request)) return false;
    request.consumer_inputs = {1};
    return true;
  }
};

struct DeferOptions {
  bool deferred = false;
};

// a -> 3 a; with the option a -> 5, the factor that readers are left with: by the result a test sees who
// multiplied.
struct Deferring : Elementwise, NotDifferentiable {
  using Options = DeferOptions;
  static constexpr std::string_view kName = "toy_deferring";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static Execution prepare(const Problem& problem) {
    const bool deferred = problem.options_as<Options>().deferred;
    return {.run = [deferred](const Args& args, Stream&) {
      args.out<float>(0)[0] = deferred ? 5 : 3 * args.in<float>(0)[0];
    }};
  }
  static std::span<const Engine> engines() { return prepared_engine<prepare>(); }
  static bool defer(const Problem& producer, Deferral& deferral) {
    if (producer.options_as<Options>().deferred) return false;
    deferral = {std::make_shared<const Options>(Options{.deferred = true}), 0};
    return true;
  }
};

// a -> a + 1; with the option (a, factor) -> a factor + 1.
struct Accepting : Elementwise, NotDifferentiable {
  using Options = DeferOptions;
  static constexpr std::string_view kName = "toy_accepting";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> inputs) {
    return {inputs[0]};
  }
  static float at(const Args& args, int64_t i) {
    const float a = args.in<float>(0)[i];
    return (args.inputs.size() == 2 ? a * args.in<float>(1)[i] : a) + 1;
  }
  static std::span<const Engine> engines() { return one_engine<at>(); }
  static bool accept(const Problem& reader, int input, const Problem& producer,
                     std::shared_ptr<const void>& options) {
    if (input != 0 || producer.op != &op<Deferring>()) return false;
    if (reader.options_as<Options>().deferred) return false;
    options = std::make_shared<const Options>(Options{.deferred = true});
    return true;
  }
};

}  // namespace voluta::toy
