#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/layout.h>
#include <voluta/train/weights.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

namespace voluta {
namespace {

using nlohmann::json;

std::vector<const ValueInfo*> saved_states(const Graph& graph) {
  std::vector<const ValueInfo*> states;
  for (const ValueInfo& info : graph.values()) {
    if (info.kind != ValueKind::kState) continue;
    if (info.role == StateRole::kParameter || info.role == StateRole::kBuffer) {
      states.push_back(&info);
    }
  }
  return states;
}

// Up to three names, then how many more.
std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i ? ", " : "") + quote(names[i]);
  }
  return names.size() > kShown ? text + fmt::format(" and {} more", names.size() - kShown) : text;
}

std::map<std::string, const Tensor*> without_prefix(const TensorFile& file) {
  constexpr std::string_view kPrefix = "module.";  // torch.nn.DataParallel's
  std::map<std::string, const Tensor*> tensors;
  for (const auto& [name, tensor] : file.tensors) {
    tensors[name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name] = &tensor;
  }
  return tensors;
}

void check_names(const std::map<std::string, const Tensor*>& given,
                 const std::vector<const ValueInfo*>& wanted, const std::string& path) {
  std::vector<std::string> missing, unexpected, different;
  std::map<std::string, const ValueInfo*> known;
  for (const ValueInfo* state : wanted) {
    known[state->name] = state;
    const auto found = given.find(state->name);
    if (found == given.end()) {
      missing.push_back(state->name);
      continue;
    }
    const TensorType type{state->type.dtype, parameter_shape_in_pytorch(state->type.shape)};
    if (found->second->type() != type) {
      different.push_back(fmt::format("{} is {} where the model has {}", state->name,
                                      to_string(found->second->type()), to_string(type)));
    }
  }
  for (const auto& [name, tensor] : given) {
    if (!known.contains(name) && !name.ends_with(".num_batches_tracked")) {
      unexpected.push_back(name);
    }
  }
  std::vector<std::string> faults;
  if (!missing.empty()) faults.push_back("missing " + some(missing));
  if (!unexpected.empty()) faults.push_back("unexpected " + some(unexpected));
  if (!different.empty()) faults.push_back(some(different));
  if (!faults.empty()) {
    fail_at(path, fmt::format("the weights do not fit the model: {}", fmt::join(faults, "; ")));
  }
}

std::map<std::string, std::string> metadata_of(const ModelDescription& d) {
  return {{"format", "pt"},  // what PyTorch's own tools look for
          {"voluta.model", d.model},
          {"voluta.classes", std::to_string(d.classes)},
          {"voluta.input", json{d.image[2], d.image[0], d.image[1]}.dump()},  // [C,H,W]
          {"voluta.mean", json(d.normalization.mean).dump()},
          {"voluta.std", json(d.normalization.deviation).dump()}};
}

}  // namespace

void save_weights(const std::string& path, Session& session, const Graph& graph,
                  const ModelDescription& description) {
  TensorFile file;
  for (const ValueInfo* state : saved_states(graph)) {
    file.tensors.emplace(state->name, parameter_to_pytorch(session.read_state(state->name)));
  }
  file.metadata = metadata_of(description);
  write_safetensors(path, file);
}

void load_weights(const TensorFile& file, const std::string& path, Session& session,
                  const Graph& graph) {
  const std::map<std::string, const Tensor*> tensors = without_prefix(file);
  const std::vector<const ValueInfo*> states = saved_states(graph);
  check_names(tensors, states, path);
  session.adopt(graph);
  for (const ValueInfo* state : states) {
    session.write_state(state->name, parameter_from_pytorch(*tensors.at(state->name)));
  }
}

std::optional<ModelDescription> description_of(const TensorFile& file, const std::string& path) {
  if (!file.metadata.contains("voluta.model")) return std::nullopt;
  try {
    const auto input = json::parse(file.metadata.at("voluta.input")).get<std::vector<int64_t>>();
    if (input.size() != 3) throw std::out_of_range("three extents");
    return ModelDescription{
        .model = file.metadata.at("voluta.model"),
        .classes = json::parse(file.metadata.at("voluta.classes")).get<int64_t>(),
        .image = {input[1], input[2], input[0]},
        .normalization = {json::parse(file.metadata.at("voluta.mean")).get<std::vector<double>>(),
                          json::parse(file.metadata.at("voluta.std")).get<std::vector<double>>()}};
  } catch (const std::exception&) {
    fail_at(path, "the metadata 'voluta.*' are not what `voluta train` writes");
  }
}

}  // namespace voluta
