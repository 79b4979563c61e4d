#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/layers/dropout.h>

namespace voluta {

Value dropout(Scope scope, Value x, double probability) {
  if (!(probability >= 0 && probability <= 1)) {
    invalid(fmt::format("{}: dropout's probability is {}; it must lie in [0, 1]", scope.path(),
                        probability));
  }
  if (!scope.training() || probability == 0) return x;
  return scope.add<Dropout>(
      {.probability = probability, .seed = scope.seed(), .stream = scope.random_stream()},
      {x, scope.step()});
}

}  // namespace voluta
