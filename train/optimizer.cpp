#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>
#include <voluta/kernels/optimizer/optimizer.h>
#include <voluta/train/optimizer.h>
#include <voluta/train/option_checks.h>
#include <voluta/train/step.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

namespace voluta {
namespace {

constexpr std::string_view kNames[] = {"sgd", "rmsprop", "rmsprop_tf", "adam", "adamw", "lars"};

// Parameters of a node: enough to fill the device, few enough that their gradients, all alive until
// the node has run, stay a small part of the peak.
constexpr int64_t kBucketElements = 1 << 20;

// What a parameter's slots are called, and what they start at.
struct Slot {
  std::string_view name;
  double start = 0;
};

std::vector<Slot> slots_of(const OptimizerOptions& o) {
  constexpr Slot kMomentum = {"momentum"};
  std::vector<Slot> slots;
  switch (o.kind) {
    case OptimizerKind::kRmsprop:
      slots = {{"square_average"}};
      break;
    case OptimizerKind::kRmspropTensorflow:
      slots = {{"square_average", 1}};
      break;
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return {{"first_moment"}, {"second_moment"}};
    default:
      break;
  }
  if (o.momentum != 0) slots.push_back(kMomentum);
  return slots;
}

Value slot_state(Graph& graph, const ValueInfo& parameter, const Slot& slot) {
  auto initialize = [start = slot.start](Tensor& tensor) {
    if (start != 0) std::ranges::fill(tensor.data<float>(), static_cast<float>(start));
  };
  return graph.state(fmt::format("{}.{}", slot.name, parameter.name), parameter.type,
                     StateRole::kOptimizer, initialize);
}

// Names of the weights and biases of batch norms.
std::set<std::string> norm_parameters(const Graph& graph) {
  std::set<std::string> found;
  for (const Node& node : graph.nodes()) {
    if (node.problem.op->name != BatchNormTraining::kName) continue;
    for (const std::size_t i : {1, 2}) found.insert(graph.info(node.inputs[i]).name);
  }
  return found;
}

// Gradients as they were computed: a cast of 16 bits to f32 is left to the update.
std::vector<Value> before_casts(const Graph& graph, std::vector<Value> gradients) {
  for (Value& gradient : gradients) {
    const Node* const cast = graph.producer(gradient);
    if (cast == nullptr || cast->problem.op != &op<Cast>() || cast->inputs.size() != 1) continue;
    const DType from = cast->problem.inputs[0].dtype, to = cast->problem.outputs[0].dtype;
    if (size_of(from) == 2 && to == DType::f32) gradient = cast->inputs[0];
  }
  return gradients;
}

// Indices of parameters that are updated alike, by their weight decay and the type of their gradients, in
// the order in which these come: the last layer's first.
using Groups = std::map<std::pair<double, DType>, std::vector<std::size_t>>;

Groups groups_of(const Graph& graph, const Graph& model, const std::vector<Value>& parameters,
                 const std::vector<Value>& gradients, const OptimizerOptions& options) {
  const std::set<std::string> norms = norm_parameters(model);
  Groups groups;
  for (std::size_t i = parameters.size(); i-- > 0;) {
    double decay = options.weight_decay;
    const std::string& name = graph.info(parameters[i]).name;
    if (options.bias_weight_decay && name.ends_with(".bias")) {
      decay = *options.bias_weight_decay;
    } else if (norms.contains(name)) {
      decay = options.norm_weight_decay.value_or(decay);
    }
    groups[{decay, graph.type(gradients[i]).dtype}].push_back(i);
  }
  return groups;
}

// Calls f for each bucket of the indices.
template <class F>
void for_each_bucket(const Graph& graph, const std::vector<Value>& parameters,
                     std::span<const std::size_t> indices, F&& f) {
  std::size_t begin = 0;
  int64_t elements = 0;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    elements += graph.shape(parameters[indices[i]]).elements();
    if (elements < kBucketElements && i + 1 < indices.size()) continue;
    f(indices.subspan(begin, i + 1 - begin));
    begin = i + 1;
    elements = 0;
  }
}

class Updates {
 public:
  Updates(Graph& graph, const std::vector<Value>& parameters, std::vector<Value> gradients,
          const OptimizerOptions& options, Value loss_scale)
      : graph_(graph),
        parameters_(parameters),
        gradients_(std::move(gradients)),
        options_(options) {
    graph.set_pass("update");
    inputs_.learning_rate = graph.input("lr", {DType::f32, {}});
    const bool counts =
        options.kind == OptimizerKind::kAdam || options.kind == OptimizerKind::kAdamW;
    if (options.clip_grad_norm > 0 || loss_scale) add_scale(loss_scale);
    if (counts && !loss_scale) inputs_.update = graph.input("update", {DType::i64, {}});
    if (counts) update_ = loss_scale ? updates_taken_ : inputs_.update;
  }

  void add(double decay, std::span<const std::size_t> indices) {
    const bool scaled = static_cast<bool>(scale_);
    const OptimizerOptions& o = options_;
    const double epsilon = o.epsilon.value_or(1e-8);
    switch (o.kind) {
      case OptimizerKind::kSgd:
        return add_sgd(decay, indices);
      case OptimizerKind::kRmsprop:
      case OptimizerKind::kRmspropTensorflow:
        return append<RmspropUpdate>({.alpha = o.alpha,
                                      .epsilon = epsilon,
                                      .momentum = o.momentum,
                                      .weight_decay = decay,
                                      .tensorflow = o.kind == OptimizerKind::kRmspropTensorflow,
                                      .scaled = scaled},
                                     inputs_of(indices, {}), indices);
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW:
        return append<AdamUpdate>({.beta1 = o.beta1,
                                   .beta2 = o.beta2,
                                   .epsilon = epsilon,
                                   .weight_decay = decay,
                                   .decoupled = o.kind == OptimizerKind::kAdamW,
                                   .scaled = scaled},
                                  inputs_of(indices, {}), indices);
      case OptimizerKind::kLars:
        // As in timm, what does not decay is not adapted either.
        if (decay == 0) return add_sgd(decay, indices);
        return append<LarsUpdate>({.momentum = o.momentum,
                                   .weight_decay = decay,
                                   .trust = o.trust,
                                   .epsilon = epsilon,
                                   .nesterov = o.nesterov,
                                   .scaled = scaled},
                                  inputs_of(indices, norms_of(indices)), indices);
    }
  }

  const OptimizerInputs& inputs() const { return inputs_; }

 private:
  // What gradients are multiplied by: to clip them, to undo a factor of the loss, or both.
  void add_scale(Value loss_scale) {
    const Value norms = graph_.add<TensorNorms>({}, gradients_, "clip");
    if (!loss_scale) {
      scale_ = graph_.add<ClipFactor>({.max_norm = options_.clip_grad_norm}, {norms}, "clip");
      return;
    }
    const bool clips = options_.clip_grad_norm > 0;
    const ClipFactorOptions options{
        .max_norm = clips ? options_.clip_grad_norm : std::numeric_limits<double>::infinity(),
        .scaled = true};
    const std::vector<Value> factor_and_norm =
        graph_.add_all<ClipFactor>(options, {norms, loss_scale}, "loss_scale");
    scale_ = factor_and_norm[0];
    const std::vector<Value> next = graph_.add_all<LossScaleUpdate>(
        {}, {factor_and_norm[1], loss_scale, counter(kLossScaleSteps), counter(kLossScaleUpdates)},
        "loss_scale");
    updates_taken_ = next[2];
  }

  Value counter(const char* name) {
    return graph_.state(name, {DType::i64, {}}, StateRole::kOptimizer, {});
  }

  void add_sgd(double decay, std::span<const std::size_t> indices) {
    append<SgdUpdate>({.momentum = options_.momentum,
                       .weight_decay = decay,
                       .nesterov = options_.nesterov,
                       .scaled = static_cast<bool>(scale_)},
                      inputs_of(indices, {}), indices);
  }

  template <class Op>
  void append(typename Op::Options options, std::vector<Value> inputs,
              std::span<const std::size_t> indices) {
    std::string path = graph_.info(parameters_[indices.front()]).name;
    if (indices.size() > 1) path += fmt::format(" and {} more", indices.size() - 1);
    graph_.add_all<Op>(std::move(options), std::move(inputs), std::move(path));
  }

  Value norms_of(std::span<const std::size_t> indices) {
    std::vector<Value> tensors;
    for (const std::size_t i : indices) tensors.push_back(parameters_[i]);
    for (const std::size_t i : indices) tensors.push_back(gradients_[i]);
    return graph_.add<TensorNorms>({}, tensors, "lars");
  }

  // In the order of optimizer.h: parameters, gradients, slots, scalars.
  std::vector<Value> inputs_of(std::span<const std::size_t> indices, Value norms) {
    std::vector<Value> inputs;
    for (const std::size_t i : indices) inputs.push_back(parameters_[i]);
    for (const std::size_t i : indices) inputs.push_back(gradients_[i]);
    for (const Slot& slot : slots_of(options_)) {
      for (const std::size_t i : indices) {
        inputs.push_back(slot_state(graph_, ValueInfo(graph_.info(parameters_[i])), slot));
      }
    }
    for (const Value scalar : {norms, inputs_.learning_rate, update_, scale_}) {
      if (scalar) inputs.push_back(scalar);
    }
    return inputs;
  }

  Graph& graph_;
  const std::vector<Value>& parameters_;
  std::vector<Value> gradients_;
  const OptimizerOptions& options_;
  OptimizerInputs inputs_;
  Value scale_;          // of the gradients, where they are clipped or the loss is scaled
  Value updates_taken_;  // with this one, where the loss is scaled
  Value update_;         // the number of this one, where it is read
};

void check_below_1(const char* option, double value, bool zero) {
  if (value < 1 && (zero ? value >= 0 : value > 0)) return;
  invalid(fmt::format("{} must be in {}0, 1), not {}", option, zero ? "[" : "(", value));
}

}  // namespace

std::string_view name_of(OptimizerKind kind) {
  return kNames[static_cast<int>(kind)];
}

OptimizerKind parse_optimizer(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found != std::end(kNames)) return static_cast<OptimizerKind>(found - std::begin(kNames));
  invalid(fmt::format("optimizer '{}' is unknown; known are {}", name, fmt::join(kNames, ", ")));
}

void check_optimizer(const OptimizerOptions& o) {
  check_below_1("OptimizerOptions::momentum", o.momentum, true);
  check_at_least_0("OptimizerOptions::weight_decay", o.weight_decay);
  check_at_least_0("OptimizerOptions::norm_weight_decay", o.norm_weight_decay.value_or(0));
  check_at_least_0("OptimizerOptions::bias_weight_decay", o.bias_weight_decay.value_or(0));
  check_below_1("OptimizerOptions::beta1", o.beta1, false);
  check_below_1("OptimizerOptions::beta2", o.beta2, false);
  check_below_1("OptimizerOptions::alpha", o.alpha, true);
  check_at_least_0("OptimizerOptions::epsilon", o.epsilon.value_or(0));
  check_at_least_0("OptimizerOptions::clip_grad_norm", o.clip_grad_norm);
  if (!(o.trust > 0 && std::isfinite(o.trust)))
    invalid("OptimizerOptions::trust must be finite and above 0");
  if (!o.nesterov) return;
  if (o.kind != OptimizerKind::kSgd && o.kind != OptimizerKind::kLars) {
    invalid(fmt::format("OptimizerOptions::nesterov goes with sgd and lars, not with {}",
                        name_of(o.kind)));
  }
  if (o.momentum == 0)
    invalid("OptimizerOptions::nesterov needs OptimizerOptions::momentum above 0");
}

OptimizerInputs add_updates(Graph& graph, const Graph& model, const std::vector<Value>& parameters,
                            const std::vector<Value>& gradients, const OptimizerOptions& options,
                            Value loss_scale) {
  check_optimizer(options);
  const bool norms =
      options.clip_grad_norm > 0 || loss_scale || options.kind == OptimizerKind::kLars;
  const std::vector<Value> taken = norms ? gradients : before_casts(graph, gradients);
  Updates updates(graph, parameters, taken, options, loss_scale);
  for (const auto& [alike, indices] : groups_of(graph, model, parameters, taken, options)) {
    for_each_bucket(graph, parameters, indices,
                    [&, decay = alike.first](std::span<const std::size_t> bucket) {
                      updates.add(decay, bucket);
                    });
  }
  return updates.inputs();
}

Value accumulated_gradient(Graph& graph, Value parameter) {
  const ValueInfo info = graph.info(parameter);
  return graph.state(kAccumulated + info.name, info.type, StateRole::kOptimizer, {});
}

void add_accumulation(Graph& graph, const std::vector<Value>& parameters,
                      const std::vector<Value>& gradients, Value share) {
  graph.set_pass("update");
  const std::vector<Value> taken = before_casts(graph, gradients);
  std::map<DType, std::vector<std::size_t>> groups;
  for (std::size_t i = taken.size(); i-- > 0;) groups[graph.type(taken[i]).dtype].push_back(i);
  for (const auto& [type, indices] : groups) {
    for_each_bucket(graph, parameters, indices, [&](std::span<const std::size_t> bucket) {
      std::vector<Value> inputs;
      for (const std::size_t i : bucket)
        inputs.push_back(accumulated_gradient(graph, parameters[i]));
      for (const std::size_t i : bucket) inputs.push_back(taken[i]);
      inputs.push_back(share);
      graph.add_all<AverageUpdate>({}, std::move(inputs), "accumulate");
    });
  }
}

}  // namespace voluta
