#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/judge/compare.h>
#include <voluta/judge/gradient_check.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/registry.h>

#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kStep = 1e-6;
// Central differences of a smooth f err by f''' kStep^2 / 6, about 1e-12 here, and by the roundings
// of f over kStep: a sum of some 1,000 terms of size 1 rounds within 1e-13, which makes 1e-7.
constexpr double kRelative = 1e-6, kAbsolute = 1e-6;
constexpr int64_t kMostElements = 300;  // tried of one input

double probe_weight(int64_t i) {
  Random random(0x50524f42, static_cast<uint64_t>(i));
  return random.next_uniform(0.5, 1.5) * (random.next_below(2) ? 1 : -1);
}

Support always(const Problem&) {
  return Support::yes();
}

template <class T>
std::span<const Engine> only_reference() {
  static const Engine kEngine{"reference", DeviceType::kCpu, EngineRole::kReference, always,
                              T::prepare};
  return {&kEngine, 1};
}

struct NoOptions {};

struct ProbeBase {
  using Options = NoOptions;
  static Cost cost(const Problem&) { return {}; }
  static int64_t reduction_length(const Problem& p) { return p.inputs[0].shape.elements(); }
  static std::string describe(const Problem&) { return "probe"; }
};

// dloss [] -> dy, with y's type taken from the first input.
struct ProbeGradient : ProbeBase, NotDifferentiable {
  static constexpr std::string_view kName = "probe_gradient";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> in) {
    return {in[0]};
  }
  static std::span<const Engine> engines() { return only_reference<ProbeGradient>(); }
  static Execution prepare(const Problem& problem) {
    const int64_t count = problem.inputs[0].shape.elements();
    return {.run = [count](const Args& args, Stream&) {
      const double dloss = args.in<double>(1)[0];
      for (int64_t i = 0; i < count; ++i) args.out<double>(0)[i] = dloss * probe_weight(i);
    }};
  }
};

// y -> [] sum of probe_weight(i) y[i].
struct Probe : ProbeBase {
  static constexpr std::string_view kName = "probe";
  static std::vector<TensorType> infer(const Options&, std::span<const TensorType> in) {
    return {{in[0].dtype, Shape{}}};
  }
  static void gradient(GradientContext& context) {
    context.set(0, context.add<ProbeGradient>({}, {context.input(0), context.output_gradient(0)}));
  }
  static std::span<const Engine> engines() { return only_reference<Probe>(); }
  static Execution prepare(const Problem& problem) {
    const int64_t count = problem.inputs[0].shape.elements();
    return {.run = [count](const Args& args, Stream&) {
      double sum = 0;
      for (int64_t i = 0; i < count; ++i) sum += probe_weight(i) * args.in<double>(0)[i];
      args.out<double>(0)[0] = sum;
    }};
  }
};

// Kinks of relu and max pooling stay further than kStep away from every input.
InputKind smooth_inputs(std::string_view op) {
  return op == "activation" || op == "pool2d" ? InputKind::kDistinct : InputKind::kReals;
}

struct Check {
  Graph forward, backward;  // the loss alone; the loss and the gradients
  Value loss;
  std::vector<Value> inputs, differentiated, gradients;
};

Check build(const Problem& problem) {
  Check check;
  for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
    const Value input = check.forward.input("input " + std::to_string(i), problem.inputs[i]);
    check.inputs.push_back(input);
    const auto has_gradient = rules_of(problem.op->name).has_gradient;
    if (is_floating(problem.inputs[i].dtype) && (!has_gradient || has_gradient(problem, i))) {
      check.differentiated.push_back(input);
    }
  }
  const Value y = check.forward.add(*problem.op, problem.options, check.inputs, "checked")[0];
  check.loss = check.forward.shape(y).rank() == 0 ? y : probe_loss(check.forward, y);
  check.backward = check.forward;
  check.gradients =
      gradients(check.backward, check.loss, check.differentiated, [&](Value a, Value b) {
        return check.backward.add<Add>({}, {a, b}, "");
      });
  return check;
}

class Differences {
 public:
  Differences(const Check& check, const std::map<Value, Tensor>& given)
      : check_(check), given_(given) {}

  double at(Value input, int64_t i) {
    const double x = value_at(given_.at(input), i);
    set_value(given_.at(input), i, x + kStep);
    const double above = loss();
    set_value(given_.at(input), i, x - kStep);
    const double below = loss();
    set_value(given_.at(input), i, x);
    return (above - below) / ((x + kStep) - (x - kStep));
  }

 private:
  double loss() { return value_at(evaluate_f64(check_.forward, given_).at(check_.loss), 0); }

  const Check& check_;
  std::map<Value, Tensor> given_;
};

struct Sums {
  double difference = 0, norm = 0;
};

std::string compare_input(const Check& check, std::size_t which, const Tensor& gradient,
                          Differences& differences, Random& random, Sums& sums) {
  const Value input = check.differentiated[which];
  const int64_t count = gradient.elements();
  std::string bad;
  for (int64_t tried = 0; tried < std::min(count, kMostElements); ++tried) {
    const int64_t i = count <= kMostElements
                          ? tried
                          : static_cast<int64_t>(random.next_below(static_cast<uint32_t>(count)));
    const double want = differences.at(input, i), got = value_at(gradient, i);
    sums.difference += (got - want) * (got - want);
    sums.norm += want * want;
    if (!bad.empty() || std::fabs(got - want) <= kAbsolute + kRelative * std::fabs(want)) continue;
    bad = "gradient of " + check.forward.info(input).name + " at " +
          coordinates(gradient.shape(), i) + " is " + std::to_string(got) +
          ", the central difference " + std::to_string(want);
  }
  return bad;
}

// What the op's rules draw, in f64.
std::map<Value, Tensor> given_inputs(const Check& check, const Problem& problem, uint64_t seed) {
  const OpRules& rules = rules_of(problem.op->name);
  Random random(seed, 5);
  const Tensors inputs = converted((rules.inputs ? rules.inputs : default_inputs)(
                                       in_f64(problem), smooth_inputs(problem.op->name), random),
                                   DType::f64);
  std::map<Value, Tensor> given;
  for (std::size_t i = 0; i < inputs.size(); ++i) given[check.inputs[i]] = inputs[i];
  return given;
}

}  // namespace

Value probe_loss(Graph& graph, Value y) {
  return graph.add<Probe>({}, {y}, "probe");
}

std::map<Value, Tensor> evaluate_f64(const Graph& graph, std::map<Value, Tensor> values) {
  for (std::size_t id = 0; id < graph.values().size(); ++id) {
    const ValueInfo& info = graph.values()[id];
    if (info.kind != ValueKind::kConstant) continue;
    values[graph.value(id)] = converted({info.constant}, DType::f64)[0];
  }
  for (const Node& node : graph.nodes()) {
    Tensors inputs;
    for (Value input : node.inputs) inputs.push_back(values.at(input));
    const Tensors outputs = run_reference_f64(node.problem, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) values[node.outputs[i]] = outputs[i];
  }
  return values;
}

bool is_differentiable(const Op& op) {
  const bool measures =
      op.name == "classification_metrics" || op.name == "tensor_norms" || op.name == "clip_factor";
  const bool folds = op.name == "batch_norm_scale_shift";  // weights that nobody trains
  const bool augments = op.name == "color_jitter" || op.name == "erase_pictures" ||
                        op.name == "mix_pictures" || op.name == "mix_labels" ||
                        op.name == "trivial_augment" || op.name == "view_pictures" ||
                        op.name == "resize_pictures";
  return !measures && !folds && !augments && !op.name.ends_with("_gradient") &&
         !op.name.ends_with("_update");
}

GradientAgreement compare_with_differences(const Problem& problem, uint64_t seed) {
  const Check check = build(problem);
  const std::map<Value, Tensor> given = given_inputs(check, problem, seed);
  const std::map<Value, Tensor> values = evaluate_f64(check.backward, given);
  Differences differences(check, given);
  Random random(seed, 6);  // which elements are tried
  GradientAgreement agreement;
  Sums sums;
  for (std::size_t i = 0; i < check.gradients.size(); ++i) {
    const std::string bad =
        compare_input(check, i, values.at(check.gradients[i]), differences, random, sums);
    if (!bad.empty()) agreement.failures.push_back(describe(problem) + ": " + bad);
  }
  agreement.error = sums.norm > 0 ? std::sqrt(sums.difference / sums.norm) : 0;
  return agreement;
}

std::vector<std::string> check_gradients(const std::string& line, uint64_t seed) {
  return compare_with_differences(parse_problem(line), seed).failures;
}

std::vector<GradientNode> gradient_nodes(const Problem& problem, uint64_t seed) {
  const Check check = build(problem);
  const std::map<Value, Tensor> values =
      evaluate_f64(check.backward, given_inputs(check, problem, seed));
  std::vector<GradientNode> found;
  for (std::size_t i = check.forward.nodes().size(); i < check.backward.nodes().size(); ++i) {
    const Node& node = check.backward.nodes()[i];
    if (find_op(node.problem.op->name) == nullptr) continue;  // the probe's
    GradientNode gradient{node.problem, {}};
    for (std::size_t j = 0; j < node.inputs.size(); ++j) {
      gradient.inputs.push_back(
          converted({values.at(node.inputs[j])}, node.problem.inputs[j].dtype)[0]);
    }
    found.push_back(std::move(gradient));
  }
  return found;
}

}  // namespace voluta::judge
