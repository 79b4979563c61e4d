#pragma once

// What the graph knows of an op. Each op is a room kernels/<op>/ with a struct (an OpDefinition)
// of static functions; op<Conv2d>() turns that struct into an Op, a table of functions on
// type-erased options. The core names no op.
//
// An engine is one way to compute an op on one kind of device. It is asked once whether it supports
// a problem, prepares once (geometry, primitives, plans), and then only runs.

#include <voluta/core/device/stream.h>
#include <voluta/core/tensor.h>

#include <climits>
#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace voluta {

class Graph;
class GradientContext;
struct Absorption;
struct Node;
struct Op;

// An op with its options and the types at its ends: all an engine may depend on.
struct Problem {
  const Op* op = nullptr;
  std::shared_ptr<const void> options;
  std::vector<TensorType> inputs, outputs;

  template <class Options>
  const Options& options_as() const {
    return *static_cast<const Options*>(options.get());
  }
};

// One line that names the problem: "conv2d n32h56w56c64k64r3s3p1u1 f32". Key of the tuner's cache
// and of replayed tests.
std::string describe(const Problem& problem);

// Device addresses in the order of the problem's inputs and outputs.
struct Args {
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
  void* workspace = nullptr;  // Execution::workspace_bytes of it, 256-byte aligned

  template <class T>
  const T* in(std::size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(std::size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

// A prepared problem. run() enqueues on the stream (a CPU engine computes at once); it neither
// allocates device memory nor synchronises, and may be called any number of times.
struct Execution {
  std::size_t workspace_bytes = 0;
  std::function<void(const Args&, Stream&)> run;
  // Whether two runs give the same bits. False only among an engine's alternatives.
  bool deterministic = true;
};

// Whether an engine can compute a problem, and if not, the limit that excludes it.
struct Support {
  bool ok = true;
  std::string reason;

  static Support yes() { return {}; }
  static Support no(std::string why) { return {false, std::move(why)}; }
};

enum class EngineRole {
  kReference,  // loops in double precision: judges the others
  kProduct,    // what plans choose from: hand-written CUDA algorithms, oneDNN on the CPU
  kVendor,     // cuDNN, cuBLASLt: opponents and witnesses, chosen only when asked for
};

// How an engine multiplies: sets the bound it is held to (DESIGN section 5).
enum class Arithmetic {
  kFloat,           // multiply-adds of f32 or f64
  kTensorCore,      // exact products of 16-bit operands, added in f32 in the hardware's own way
  kTensorCoreTf32,  // the same after rounding f32 operands to tf32: chosen only where allowed
};

// The compute capabilities, 10 * major + minor, that have an engine's instructions: [from, below).
struct Chips {
  int from = 0, below = INT_MAX;
};

// What is known of the errors of an engine that adds up other products than the op's definition
// (Winograd transforms the operands first).
struct Rounding {
  // For each element of output 0 a bound of |y - exact|, not counting a fused activation and the
  // rounding of the stored result. The inputs lie on the host, in f64. nullptr: the formula of
  // DESIGN section 5.
  std::vector<double> (*bounds)(const Problem&, const Args&) = nullptr;
  bool exact_on_integers = true;  // where the op's definition is
};

struct Engine {
  std::string_view name;  // "reference", "onednn", "implicit_gemm", "cudnn"
  DeviceType device;
  EngineRole role;
  Support (*supports)(const Problem&);
  // Only for supported problems, with the device current that will run it (Runtime::make_current).
  Execution (*prepare)(const Problem&);
  Arithmetic arithmetic = Arithmetic::kFloat;
  Chips chips = {};
  // Every plan that a vendor's heuristics name, where prepare() takes their first deterministic one:
  // comparisons time them all. Null where there is but one way.
  std::vector<Execution> (*alternatives)(const Problem&) = nullptr;
  Rounding rounding = {};
  // Whether, by counting, it is faster than the engines behind it in its op's list. Where it says no, a
  // plan takes it behind all others, unless it was measured. Null: always.
  bool (*pays)(const Problem&) = nullptr;
};

// Whether the engine computes the problem on this very device.
Support support_on(const Engine& engine, const Problem& problem, Device device);

// The work an op cannot avoid.
struct Cost {
  double flops = 0;  // a multiply-add counts two
  double bytes = 0;  // each input read once, each output written once
};

// Output `output` may (or must) occupy the memory of input `input`.
struct Alias {
  int input, output;
  // A "must" alias updates the input: after the node, the input's memory holds the output. That is
  // how an optimiser writes parameters and a metric accumulates.
  bool must = false;
};

// A node of one op that a pass is to insert.
struct NewNode {
  const Op* op = nullptr;  // nullptr: none
  std::shared_ptr<const void> options;
};

// A consumer's work folded into its producer, e.g. a bias and an activation into a convolution.
struct Fusion {
  std::shared_ptr<const void> options;  // the producer's new options
  std::vector<int> consumer_inputs;     // consumer inputs appended to the producer's, by index
  // Where there is one, it reads these inputs, and its outputs are appended in their place.
  NewNode prelude = {};
};

// One more output that a consumer wants of a producer, e.g. a batch normalisation the moments of a
// convolution's output. It becomes the last output of one, the last input of the other.
struct Request {
  std::shared_ptr<const void> producer_options, consumer_options;
  // Inputs of the consumer that the producer needs for it, by index: appended to its own.
  std::vector<int> consumer_inputs = {};
};

// An output 0 that an op leaves to its readers: each computes it from the producer's input `input` and
// from what the producer's output 0 then is, e.g. a batch normalisation's mean, scale and bias. What
// exactly, producer and readers agree by the producer's problem as it was.
struct Deferral {
  std::shared_ptr<const void> options;  // the producer's new options
  int input = 0;
};

// A struct that defines an op. Optional members: aliases(problem), fuse(problem, consumer, input,
// fusion), absorb(graph, consumer, input, absorption), request(problem, producer, input, request),
// defer(problem, deferral), accept(problem, input, producer, options), join(first, second).
template <class T>
concept OpDefinition = requires(const typename T::Options& options,
                                std::span<const TensorType> inputs, const Problem& problem,
                                GradientContext& gradient) {
  { T::kName } -> std::convertible_to<std::string_view>;
  // Output types; throws invalid() with a message that names no layer (the graph adds its path).
  { T::infer(options, inputs) } -> std::same_as<std::vector<TensorType>>;
  // Appends nodes that compute the gradients of the inputs, or throws where there are none.
  { T::gradient(gradient) } -> std::same_as<void>;
  { T::cost(problem) } -> std::same_as<Cost>;
  // Additions on the longest path to one output: sets the test tolerance. 0: exact.
  { T::reduction_length(problem) } -> std::same_as<int64_t>;
  // Extents and options in the field's letters: "n32h56w56c64k64r3s3p1u1".
  { T::describe(problem) } -> std::same_as<std::string>;
  { T::engines() } -> std::same_as<std::span<const Engine>>;
};

struct Op {
  std::string_view name;
  std::vector<TensorType> (*infer)(const void* options, std::span<const TensorType> inputs);
  void (*gradient)(GradientContext&);
  Cost (*cost)(const Problem&);
  int64_t (*reduction_length)(const Problem&);
  std::string (*describe)(const Problem&);
  std::span<const Engine> (*engines)();
  std::vector<Alias> (*aliases)(const Problem&);
  // Where `consumer`, the only reader of this problem's output 0, can be computed along with it.
  // It reads it as its input `input`, and nowhere else.
  bool (*fuse)(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
  // The other way round: where `consumer`, a node of this op, can itself do the work of the producer
  // of its input `input`.
  bool (*absorb)(const Graph& graph, const Node& consumer, int input, Absorption& absorption);
  // Where `consumer`, of this op, would rather read one more output of the producer of its input
  // `input` than compute it from that.
  bool (*request)(const Problem& consumer, const Problem& producer, int input, Request& request);
  // Whether this problem, a node's, can leave its output 0 to its readers,
  bool (*defer)(const Problem& producer, Deferral& deferral);
  // and whether `reader`, a node of this op, can compute it so. It then reads the producer's input in
  // the place of its input `input`, and the producer's new output 0 behind all others.
  bool (*accept)(const Problem& reader, int input, const Problem& producer,
                 std::shared_ptr<const void>& options);
  // Whether a node with the inputs of both problems of this op, one after another, under the first's
  // options, has the outputs of both, likewise.
  bool (*join)(const Problem& first, const Problem& second);
};

// Base of ops that are never differentiated (gradients of gradients, optimisers, metrics).
struct NotDifferentiable {
  static void gradient(GradientContext& context);
};

// Every input read once, every output written once.
double bytes_touched(const Problem& problem);

template <OpDefinition T>
const Op& op() {
  static constexpr Op kOp{
      .name = T::kName,
      .infer =
          [](const void* options, std::span<const TensorType> inputs) {
            return T::infer(*static_cast<const typename T::Options*>(options), inputs);
          },
      .gradient = [](GradientContext& context) { T::gradient(context); },
      .cost = [](const Problem& problem) { return T::cost(problem); },
      .reduction_length = [](const Problem& problem) { return T::reduction_length(problem); },
      .describe = [](const Problem& problem) { return T::describe(problem); },
      .engines = [] { return T::engines(); },
      .aliases = [](const Problem& problem) -> std::vector<Alias> {
        if constexpr (requires { T::aliases(problem); }) {
          return T::aliases(problem);
        } else {
          return {};
        }
      },
      .fuse =
          [](const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
            if constexpr (requires { T::fuse(producer, consumer, input, fusion); }) {
              return T::fuse(producer, consumer, input, fusion);
            } else {
              return false;
            }
          },
      .absorb =
          [](const Graph& graph, const Node& consumer, int input, Absorption& absorption) {
            if constexpr (requires { T::absorb(graph, consumer, input, absorption); }) {
              return T::absorb(graph, consumer, input, absorption);
            } else {
              return false;
            }
          },
      .request =
          [](const Problem& consumer, const Problem& producer, int input, Request& request) {
            if constexpr (requires { T::request(consumer, producer, input, request); }) {
              return T::request(consumer, producer, input, request);
            } else {
              return false;
            }
          },
      .defer =
          [](const Problem& producer, Deferral& deferral) {
            if constexpr (requires { T::defer(producer, deferral); }) {
              return T::defer(producer, deferral);
            } else {
              return false;
            }
          },
      .accept =
          [](const Problem& reader, int input, const Problem& producer,
             std::shared_ptr<const void>& options) {
            if constexpr (requires { T::accept(reader, input, producer, options); }) {
              return T::accept(reader, input, producer, options);
            } else {
              return false;
            }
          },
      .join =
          [](const Problem& first, const Problem& second) {
            if constexpr (requires { T::join(first, second); }) {
              return T::join(first, second);
            } else {
              return false;
            }
          },
  };
  return kOp;
}

template <OpDefinition T>
NewNode new_node(typename T::Options options) {
  return {&op<T>(), std::make_shared<const typename T::Options>(std::move(options))};
}

// A problem from options and inputs; infers the outputs.
Problem make_problem(const Op& op, std::shared_ptr<const void> options,
                     std::vector<TensorType> inputs);

template <OpDefinition T>
Problem make_problem(typename T::Options options, std::vector<TensorType> inputs) {
  return make_problem(op<T>(), std::make_shared<const typename T::Options>(std::move(options)),
                      std::move(inputs));
}

}  // namespace voluta
