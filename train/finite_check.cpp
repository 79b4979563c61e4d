#include <voluta/core/error.h>
#include <voluta/train/finite_check.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace voluta {
namespace {

double largest(const Tensor& tensor) {
  return dispatch_floating(tensor.dtype(), [&]<class T>() {
    double most = 0;
    for (const T value : tensor.data<T>()) {
      most = std::max(most, std::abs(to_double(value)));
    }
    return most;
  });
}

class FiniteCheck {
 public:
  explicit FiniteCheck(Executor& executor) : executor_(executor), plan_(executor.plan()) {}

  std::string run() {
    check_sources();
    executor_.run_observed([this](std::size_t step, double) { check_step(step); });
    return found_;
  }

 private:
  // What lies there before the first step. Of states each that a step reads.
  void check_sources() {
    std::vector<bool> read(plan_.graph().values().size());
    for (const Node& node : plan_.graph().nodes()) {
      for (const Value input : node.inputs) read[input.index()] = true;
    }
    for (std::size_t i = 0; i < read.size() && found_.empty(); ++i) {
      const Value value = plan_.graph().value(i);
      const ValueInfo& info = plan_.graph().info(value);
      if (!read[i] || info.kind == ValueKind::kComputed) continue;
      const Tensor tensor = executor_.read(value);
      const int64_t bad = count_not_finite(tensor);
      if (bad == 0) continue;
      found_ = fmt::format("{} of {} values of '{}' were NaN or infinite before it", bad,
                           tensor.elements(), info.name);
    }
  }

  void check_step(std::size_t index) {
    if (!found_.empty()) return;
    const Step& step = plan_.steps()[index];
    const Node& node = plan_.graph().nodes()[static_cast<std::size_t>(step.node)];
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const Tensor output = executor_.read(node.outputs[i]);
      const int64_t bad = count_not_finite(output);
      if (bad == 0) continue;
      found_ = fmt::format(
          "{} ({}, {}) made {} of {} values{} NaN or infinite, from finite inputs{}",
          node.path.empty() ? node.problem.op->name : node.path, node.problem.op->name, node.pass,
          bad, output.elements(), output_name(node, i), largest_parameter(node, i));
      return;
    }
  }

  // Which of several outputs; where it is a state, which.
  std::string output_name(const Node& node, std::size_t i) const {
    const Placement& placement = plan_.placement(node.outputs[i]);
    if (placement.kind == Placement::Kind::kPersistent) {
      return fmt::format(" of the new '{}'", plan_.graph().info(placement.owner).name);
    }
    return node.outputs.size() > 1 ? fmt::format(" of output {}", i) : "";
  }

  // Weights that have grown are the usual reason. A node of several tensors, each with an output of its own,
  // made output i of input i.
  std::string largest_parameter(const Node& node, std::size_t i) {
    if (node.pass != "forward") return "";
    std::span inputs(node.inputs);
    if (node.problem.op->join(node.problem, node.problem)) inputs = inputs.subspan(i, 1);
    for (const Value input : inputs) {
      const ValueInfo& info = plan_.graph().info(input);
      if (info.kind != ValueKind::kState || info.role != StateRole::kParameter) continue;
      return fmt::format("; '{}' is up to {:.2g}", info.name, largest(executor_.read(input)));
    }
    return "";
  }

  Executor& executor_;
  const Plan& plan_;
  std::string found_;
};

}  // namespace

int64_t count_not_finite(const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) return 0;
  return dispatch_floating(tensor.dtype(), [&]<class T>() -> int64_t {
    return std::ranges::count_if(tensor.data<T>(),
                                 [](T value) { return !std::isfinite(to_double(value)); });
  });
}

void check_outputs_finite(const Tensor& outputs, const Graph& graph, Session& session) {
  if (count_not_finite(outputs) > 0) fail_not_finite(graph, session);
}

void fail_not_finite(const Graph& graph, Session& session) {
  constexpr const char* kWhat = "the model's outputs are NaN or infinite";
  for (const ValueInfo& info : graph.values()) {
    const bool of_model = info.role == StateRole::kParameter || info.role == StateRole::kBuffer;
    if (info.kind != ValueKind::kState || !of_model) continue;
    const Tensor values = session.read_state(info.name);
    const int64_t bad = count_not_finite(values);
    if (bad == 0) continue;
    fail(ErrorKind::kFailed, fmt::format("{}: so are {} of the {} values of '{}' in the weights",
                                         kWhat, bad, values.elements(), info.name));
  }
  fail(ErrorKind::kFailed,
       fmt::format("{}, though all weights are finite: a picture, Normalization::mean and "
                   "Normalization::deviation, or the range of StepOptions::data_type may be why",
                   kWhat));
}

std::string find_not_finite(Executor& executor) {
  return FiniteCheck(executor).run();
}

}  // namespace voluta
