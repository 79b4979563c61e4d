#include <voluta/core/error.h>
#include <voluta/models/lenet.h>
#include <voluta/models/registry.h>

namespace voluta {
namespace {

constexpr ModelEntry kModels[] = {
    {"lenet5", "LeCun, Bottou, Bengio, Haffner 1998", 28, 28, 1, 10, lenet5},
};

}  // namespace

std::span<const ModelEntry> all_models() {
  return kModels;
}

const ModelEntry& find_model(std::string_view name) {
  std::string known;
  for (const ModelEntry& entry : kModels) {
    if (entry.name == name) return entry;
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  invalid("model '" + std::string(name) + "' is unknown; known are " + known);
}

}  // namespace voluta
