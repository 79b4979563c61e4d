#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/classification_metrics/classification_metrics_engines.h>

#include <array>

namespace voluta {

std::vector<TensorType> ClassificationMetrics::infer(const Options&,
                                                     std::span<const TensorType> inputs) {
  if (inputs.size() != 4) invalid(fmt::format("takes 4 inputs, not {}", inputs.size()));
  const TensorType &logits = inputs[0], &labels = inputs[1], &loss = inputs[2], &sums = inputs[3];
  if (logits.shape.rank() != 2 || !is_floating(logits.dtype)) {
    invalid(fmt::format("logits must be floating [N,K], not {}", to_string(logits)));
  }
  if (labels != TensorType{DType::i64, {logits.shape[0]}}) {
    invalid(fmt::format("labels must be i64 [{}], not {}", logits.shape[0], to_string(labels)));
  }
  if (loss.shape.rank() != 0 || !is_floating(loss.dtype)) {
    invalid(fmt::format("the loss must be a floating scalar, not {}", to_string(loss)));
  }
  if (sums != TensorType{DType::f64, {4}}) {
    invalid(fmt::format("the sums must be f64 [4], not {}", to_string(sums)));
  }
  return {sums};
}

Cost ClassificationMetrics::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t ClassificationMetrics::reduction_length(const Problem&) {
  return 0;
}

std::string ClassificationMetrics::describe(const Problem& problem) {
  const TensorType& logits = problem.inputs[0];
  return fmt::format("n{}k{} {}", logits.shape[0], logits.shape[1], name_of(logits.dtype));
}

std::span<const Engine> ClassificationMetrics::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      classification_metrics::kWarpPerRow,
#endif
      classification_metrics::kReference};
  return engines;
}

std::vector<Alias> ClassificationMetrics::aliases(const Problem&) {
  return {{.input = 3, .output = 0, .must = true}};
}

}  // namespace voluta
