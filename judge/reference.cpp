#include <voluta/core/error.h>
#include <voluta/judge/reference.h>

#include <cmath>
#include <cstring>

namespace voluta::judge {
namespace {

TensorType floating_as(TensorType type, DType dtype) {
  if (is_floating(type.dtype)) type.dtype = dtype;
  return type;
}

// Where an output must take over an input's memory, its first bytes are that input's.
void start_from_inputs(const Problem& problem, const Tensors& inputs, Tensors& outputs) {
  for (const Alias& alias : problem.op->aliases(problem)) {
    if (!alias.must) continue;
    const Tensor& input = inputs[static_cast<std::size_t>(alias.input)];
    outputs[static_cast<std::size_t>(alias.output)] = input.clone();
  }
}

}  // namespace

Problem in_f64(const Problem& problem) {
  std::vector<TensorType> inputs;
  for (const TensorType& type : problem.inputs) inputs.push_back(floating_as(type, DType::f64));
  return make_problem(*problem.op, problem.options, std::move(inputs));
}

Tensors converted(const Tensors& tensors, DType dtype) {
  Tensors result;
  for (const Tensor& from : tensors) {
    Tensor to(floating_as(from.type(), dtype));
    if (to.dtype() == from.dtype()) {
      std::memcpy(to.raw(), from.raw(), from.bytes());
    } else {
      for (int64_t i = 0; i < from.elements(); ++i) set_value(to, i, value_at(from, i));
    }
    result.push_back(std::move(to));
  }
  return result;
}

Tensors absolute(const Tensors& tensors) {
  Tensors result;
  for (const Tensor& from : tensors) {
    Tensor to = from.clone();
    if (is_floating(to.dtype())) {
      for (int64_t i = 0; i < to.elements(); ++i) set_value(to, i, std::fabs(value_at(from, i)));
    }
    result.push_back(std::move(to));
  }
  return result;
}

const Engine& reference_engine(const Op& op) {
  for (const Engine& engine : op.engines()) {
    if (engine.role == EngineRole::kReference) return engine;
  }
  invalid("op '" + std::string(op.name) + "' has no reference engine");
}

Tensors run_reference(const Problem& problem, const Tensors& inputs) {
  const Engine& engine = reference_engine(*problem.op);
  if (const Support support = engine.supports(problem); !support.ok) {
    invalid("the reference refuses '" + describe(problem) + "': " + support.reason);
  }
  const Execution execution = engine.prepare(problem);
  Tensors outputs;
  for (const TensorType& type : problem.outputs) outputs.emplace_back(type);
  start_from_inputs(problem, inputs, outputs);

  std::vector<const void*> in;
  std::vector<void*> out;
  for (const Tensor& input : inputs) in.push_back(input.raw());
  for (Tensor& output : outputs) out.push_back(output.raw());
  for (const Alias& alias : problem.op->aliases(problem)) {
    if (alias.must)
      in[static_cast<std::size_t>(alias.input)] = out[static_cast<std::size_t>(alias.output)];
  }
  Tensor workspace(DType::u8, {static_cast<int64_t>(execution.workspace_bytes)});
  Stream stream(Device{DeviceType::kCpu, 0});
  execution.run({.inputs = in, .outputs = out, .workspace = workspace.raw()}, stream);
  stream.synchronize();
  return outputs;
}

Tensors run_reference_f64(const Problem& problem, const Tensors& inputs) {
  return run_reference(in_f64(problem), converted(inputs, DType::f64));
}

double value_at(const Tensor& tensor, int64_t i) {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype()) {
    case DType::f64:
      return tensor.data<double>()[at];
    case DType::f32:
      return tensor.data<float>()[at];
    case DType::bf16:
      return to_double(tensor.data<BFloat16>()[at]);
    case DType::f16:
      return to_double(tensor.data<Float16>()[at]);
    case DType::i64:
      return static_cast<double>(tensor.data<int64_t>()[at]);
    case DType::i32:
      return tensor.data<int32_t>()[at];
    case DType::u8:
      return tensor.data<uint8_t>()[at];
  }
  return std::nan("");
}

void set_value(Tensor& tensor, int64_t i, double value) {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype()) {
    case DType::f64:
      tensor.data<double>()[at] = value;
      break;
    case DType::f32:
      tensor.data<float>()[at] = static_cast<float>(value);
      break;
    case DType::bf16:
      tensor.data<BFloat16>()[at] = from_double<BFloat16>(value);
      break;
    case DType::f16:
      tensor.data<Float16>()[at] = from_double<Float16>(value);
      break;
    case DType::i64:
      tensor.data<int64_t>()[at] = static_cast<int64_t>(value);
      break;
    case DType::i32:
      tensor.data<int32_t>()[at] = static_cast<int32_t>(value);
      break;
    case DType::u8:
      tensor.data<uint8_t>()[at] = static_cast<uint8_t>(value);
      break;
  }
}

}  // namespace voluta::judge
