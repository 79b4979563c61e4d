#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/layout.h>
#include <voluta/train/step.h>
#include <voluta/train/weights.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

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

// Up to eight, then how many more.
std::string some(const std::vector<std::string>& items) {
  constexpr std::size_t kShown = 8;
  const std::vector<std::string> shown(
      items.begin(), items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), kShown)));
  const std::string text = fmt::format("{}", fmt::join(shown, ", "));
  return items.size() > kShown ? text + fmt::format(" and {} more", items.size() - kShown) : text;
}

using NamedTensors = std::map<std::string, const Tensor*>;

// Of a batch norm that the model may lack, or of torch.optim.swa_utils.AveragedModel.
bool is_counter(const std::string& name) {
  constexpr const char* kBatches = "num_batches_tracked";
  return name == kBatches || name.ends_with(std::string(".") + kBatches) || name == "n_averaged" ||
         name.ends_with(".n_averaged");
}

// Without the names that torch.compile gives the modules that it has compiled.
std::string without_compilation(std::string name) {
  constexpr std::string_view kCompiled = "_orig_mod.";
  for (std::size_t at = name.find(kCompiled); at != std::string::npos;
       at = name.find(kCompiled, at)) {
    if (at == 0 || name[at - 1] == '.') {
      name.erase(at, kCompiled.size());
    } else {
      at += kCompiled.size();
    }
  }
  return name;
}

// Whether all names that are no counters begin so.
bool all_begin_with(std::string_view prefix, const NamedTensors& tensors) {
  std::size_t others = 0;
  for (const auto& [name, tensor] : tensors) {
    if (is_counter(name)) continue;
    if (!name.starts_with(prefix)) return false;
    ++others;
  }
  return others > 0;
}

// The tensors by the names that the model itself has. Note [Weights from PyTorch]. One that would come to
// another's name keeps its own, and fits nothing.
NamedTensors without_prefix(const TensorFile& file) {
  constexpr std::string_view kPrefix = "module.";
  NamedTensors tensors;
  for (const auto& [name, tensor] : file.tensors) {
    const std::string plain = without_compilation(name);
    const bool taken = plain != name && (file.tensors.contains(plain) || tensors.contains(plain));
    tensors[taken ? name : plain] = &tensor;
  }
  while (all_begin_with(kPrefix, tensors)) {
    NamedTensors shorter;
    for (const auto& [name, tensor] : tensors) {
      shorter[name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name] = tensor;
    }
    tensors = std::move(shorter);
  }
  return tensors;
}

// Names of states that may be missing, because no logits depend on them.
using Unneeded = std::set<std::string_view>;

Unneeded unneeded_states(const StepGraph& step) {
  std::vector<Value> logits = {step.logits};
  for (const AuxiliaryHead& head : step.auxiliary) logits.push_back(head.logits);
  const std::vector<bool> needed = step.graph.ancestors(logits);
  Unneeded names;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const ValueInfo& info = step.graph.values()[i];
    if (!needed[i] && info.kind == ValueKind::kState) names.insert(info.name);
  }
  return names;
}

TensorType type_in_pytorch(const ValueInfo& state) {
  return {state.type.dtype, parameter_shape_in_pytorch(state.type.shape)};
}

bool fits(const Tensor& tensor, const ValueInfo& state) {
  const TensorType wanted = type_in_pytorch(state);
  const bool converts = is_floating(tensor.dtype()) && is_floating(wanted.dtype);
  return tensor.shape() == wanted.shape && (tensor.dtype() == wanted.dtype || converts);
}

Tensor converted(const Tensor& from, DType dtype) {
  if (from.dtype() == dtype) return from;
  Tensor to(dtype, from.shape());
  dispatch_floating(from.dtype(), [&]<class From>() {
    dispatch_floating(dtype, [&]<class To>() {
      std::ranges::transform(from.data<From>(), to.data<To>().begin(),
                             [](From v) { return from_double<To>(to_double(v)); });
    });
  });
  return to;
}

// Why, where they are filters of a first convolution that differ in their channels alone, [K,C,R,S].
std::string channels_of_pictures(const Shape& given, const Shape& wanted, bool first) {
  if (!first || given.rank() != 4 || wanted.rank() != 4 || given[1] == wanted[1]) return "";
  if (given[0] != wanted[0] || given[2] != wanted[2] || given[3] != wanted[3]) return "";
  return fmt::format(
      " (of pictures with {} channels, and not {}: other pictures are needed, or other weights)",
      given[1], wanted[1]);
}

WeightsFit compare(const NamedTensors& given, const std::vector<const ValueInfo*>& wanted,
                   const Unneeded& unneeded) {
  WeightsFit fit;
  std::set<std::string_view> known;
  for (const ValueInfo* state : wanted) {
    known.insert(state->name);
    const auto found = given.find(state->name);
    if (found == given.end()) {
      const bool needed = !is_counter(state->name) && !unneeded.contains(state->name);
      if (needed) fit.missing.push_back(quote(state->name));
    } else if (fits(*found->second, *state)) {
      ++fit.fitting;
    } else {
      const TensorType have = found->second->type(), want = type_in_pytorch(*state);
      fit.misshapen.push_back(fmt::format(
          "{} is {} where the model has {}{}", quote(state->name), to_string(have), to_string(want),
          channels_of_pictures(have.shape, want.shape, state == wanted.front())));
    }
  }
  for (const auto& [name, tensor] : given) {
    if (!known.contains(name) && !is_counter(name)) fit.unexpected.push_back(quote(name));
  }
  return fit;
}

void refuse(const WeightsFit& fit, const std::string& path, bool allow_partial) {
  std::vector<std::string> faults;
  if (!fit.missing.empty()) faults.push_back("missing " + some(fit.missing));
  if (!fit.unexpected.empty()) faults.push_back("unexpected " + some(fit.unexpected));
  if (!fit.misshapen.empty()) faults.push_back(some(fit.misshapen));
  fail_at(path, fmt::format("{} fit the model: {}{}",
                            allow_partial ? "none of the weights" : "the weights do not",
                            fmt::join(faults, "; "),
                            fit.fitting > 0 ? "; allow_partial loads the others" : ""));
}

WeightsFit fit(const TensorFile& file, const std::string& path, const Graph& graph,
               const Unneeded& unneeded, bool allow_partial) {
  WeightsFit found = compare(without_prefix(file), saved_states(graph), unneeded);
  const bool refused = allow_partial ? found.fitting == 0 : !found.complete();
  if (refused && !found.complete()) refuse(found, path, allow_partial);
  return found;
}

// Those that fit.
void write_states(const TensorFile& file, Session& session, const Graph& graph) {
  const NamedTensors tensors = without_prefix(file);
  session.adopt(graph);
  for (const ValueInfo* state : saved_states(graph)) {
    const auto found = tensors.find(state->name);
    if (found == tensors.end() || !fits(*found->second, *state)) continue;
    session.write_state(state->name,
                        parameter_from_pytorch(converted(*found->second, state->type.dtype)));
  }
}

bool is_sound(const ModelDescription& d) {
  return d.classes >= 1 && d.width > 0 && std::isfinite(d.width) && d.epsilon.value_or(1) > 0 &&
         is_sound(d.preprocessing);
}

Preprocessing preprocessing_of(const Metadata& metadata) {
  const auto parsed = [&](const char* key) { return json::parse(metadata.at(key)); };
  const auto input = parsed("voluta.input").get<std::vector<int64_t>>();
  if (input.size() != 3) throw std::out_of_range("three extents");
  Preprocessing p{.image = {input[1], input[2], input[0]},
                  .normalization = {parsed("voluta.mean").get<std::vector<double>>(),
                                    parsed("voluta.std").get<std::vector<double>>()},
                  .resize = std::min(input[1], input[2])};
  // Absent from weights of small pictures that an older version wrote.
  if (metadata.contains("voluta.resize")) {
    p.resize = parsed("voluta.resize").get<int64_t>();
    p.interpolation = parse_interpolation(metadata.at("voluta.interpolation"));
    p.class_names = parsed("voluta.class_names").get<std::vector<std::string>>();
  }
  return p;
}

// Absent where it has its default.
std::optional<double> optional_number(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  return json::parse(found->second).get<double>();
}

void save_states(const std::string& path, Session& session, const Graph& graph,
                 const ModelDescription& description, const std::string& prefix) {
  if (!description.model.empty() && !is_sound(description)) {
    invalid(
        fmt::format("{}: the description of '{}' makes no sense: its classes, width, epsilon or "
                    "preprocessing are not those of a model",
                    path, description.model));
  }
  TensorFile file;
  for (const ValueInfo* state : saved_states(graph)) {
    const std::string name = is_floating(state->type.dtype) ? prefix + state->name : state->name;
    file.tensors.emplace(state->name, parameter_to_pytorch(session.read_state(name)));
  }
  file.metadata = metadata_of(description);
  write_safetensors(path, file);
}

}  // namespace

void save_weights(const std::string& path, Session& session, const Graph& graph,
                  const ModelDescription& description) {
  save_states(path, session, graph, description, "");
}

void save_averages(const std::string& path, Session& session, const Graph& graph,
                   const ModelDescription& description) {
  save_states(path, session, graph, description, std::string(kAverages) + ".");
}

WeightsFit fit_weights(const TensorFile& file, const std::string& path, const Graph& graph,
                       bool allow_partial) {
  return fit(file, path, graph, {}, allow_partial);
}

WeightsFit fit_weights(const TensorFile& file, const std::string& path, const StepGraph& step,
                       bool allow_partial) {
  return fit(file, path, step.graph, unneeded_states(step), allow_partial);
}

WeightsFit load_weights(const TensorFile& file, const std::string& path, Session& session,
                        const Graph& graph, bool allow_partial) {
  const WeightsFit found = fit_weights(file, path, graph, allow_partial);
  write_states(file, session, graph);
  return found;
}

WeightsFit load_weights(const TensorFile& file, const std::string& path, Session& session,
                        const StepGraph& step, bool allow_partial) {
  const WeightsFit found = fit_weights(file, path, step, allow_partial);
  write_states(file, session, step.graph);
  return found;
}

Metadata metadata_of(const ModelDescription& d) {
  Metadata metadata = {{"format", "pt"}};  // what PyTorch's own tools look for
  if (d.model.empty()) return metadata;
  const Preprocessing& p = d.preprocessing;
  metadata.insert(
      {{"voluta.model", d.model},
       {"voluta.classes", std::to_string(d.classes)},
       {"voluta.input", json{p.image[2], p.image[0], p.image[1]}.dump()},  // [C,H,W]
       {"voluta.mean", json(p.normalization.mean).dump()},
       {"voluta.std", json(p.normalization.deviation).dump()},
       {"voluta.resize", std::to_string(p.resize)},
       {"voluta.interpolation", to_string(p.interpolation)},
       // Names are bytes of a file system; what is no UTF-8 in them cannot stand in JSON.
       {"voluta.class_names",
        json(p.class_names).dump(-1, ' ', false, json::error_handler_t::replace)}});
  if (d.width != 1) metadata["voluta.width"] = json(d.width).dump();
  if (d.epsilon) metadata["voluta.bn_eps"] = json(*d.epsilon).dump();
  return metadata;
}

std::optional<ModelDescription> description_of(const Metadata& metadata, const std::string& path) {
  if (!metadata.contains("voluta.model")) return std::nullopt;
  try {
    ModelDescription description{
        .model = metadata.at("voluta.model"),
        .classes = json::parse(metadata.at("voluta.classes")).get<int64_t>(),
        .preprocessing = preprocessing_of(metadata),
        .width = optional_number(metadata, "voluta.width").value_or(1),
        .epsilon = optional_number(metadata, "voluta.bn_eps")};
    if (!is_sound(description)) throw std::out_of_range("a description");
    return description;
  } catch (const std::exception&) {
    fail_at(path, "the metadata 'voluta.*' are not what `voluta train` writes");
  }
}

std::optional<ModelDescription> description_of(const TensorFile& file, const std::string& path) {
  return description_of(file.metadata, path);
}

}  // namespace voluta
