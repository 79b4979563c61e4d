// Names, types and shapes of every model's parameters and buffers against lists that were read off
// torchvision's and timm's state dicts, and against a weights file for resnet20. Both are data, not
// part of the project: $VOLUTA_DATA or ../shared/data.

#include <gtest/gtest.h>
#include <voluta/core/error.h>
#include <voluta/io/layout.h>
#include <voluta/io/safetensors.h>
#include <voluta/models/registry.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace voluta {
namespace {

namespace fs = std::filesystem;

// name -> "param float32 [64, 3, 11, 11]"
using StateDict = std::map<std::string, std::string>;

// Empty where there is no such folder.
fs::path data_folder(const char* name) {
  std::vector<fs::path> roots;
  if (const char* variable = std::getenv("VOLUTA_DATA")) roots.emplace_back(variable);
  roots.push_back(fs::path(VOLUTA_TESTS_FOLDER) / "../../shared/data");
  for (const fs::path& root : roots) {
    if (fs::is_directory(root / name)) return root / name;
  }
  return {};
}

StateDict read_list(const fs::path& path) {
  std::ifstream file(path);
  StateDict states;
  std::string line, name, kind, dtype, shape;
  std::getline(file, line);  // name, kind, dtype, shape
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::getline(std::getline(std::getline(fields, name, '\t'), kind, '\t'), dtype, '\t');
    std::getline(fields, shape);
    states[name] = kind + " " + dtype + " " + shape;
  }
  return states;
}

StateDict states_of(const ModelEntry& model, double width) {
  Graph graph;
  const Value image =
      graph.input("image", {DType::f32, {1, model.height, model.width, model.channels}});
  model.build(Scope(graph), image, {.width = width});
  StateDict states;
  for (const ValueInfo& info : graph.values()) {
    if (info.kind != ValueKind::kState) continue;
    const std::string kind = info.role == StateRole::kParameter ? "param" : "buffer";
    const std::string dtype = info.type.dtype == DType::i64 ? "int64" : "float32";
    states[info.name] =
        kind + " " + dtype + " " + to_string(parameter_shape_in_pytorch(info.type.shape));
  }
  return states;
}

void expect_equal(const StateDict& ours, const StateDict& theirs) {
  for (const auto& [name, state] : theirs) {
    const auto found = ours.find(name);
    EXPECT_EQ(found == ours.end() ? "missing" : found->second, state) << name;
  }
  for (const auto& [name, state] : ours)
    EXPECT_TRUE(theirs.contains(name)) << "unexpected " << name;
}

struct ListedModel {
  std::string name;
  const ModelEntry* model;
  double width = 1;
};

void PrintTo(const ListedModel& listed, std::ostream* out) {
  *out << listed.name;
}

// Every list whose model is in the registry; timm's mobilenetv1_<percent> is mobilenet_v1.
std::vector<ListedModel> listed_models() {
  constexpr std::string_view kTimm = "timm_mobilenetv1_";
  const fs::path folder = data_folder("torchvision_state_dict");
  std::vector<ListedModel> found;
  if (folder.empty()) return found;
  for (const ModelEntry& model : all_models()) {
    const std::string name(model.name);
    if (fs::exists(folder / (name + ".tsv"))) found.push_back({name, &model});
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    if (!name.starts_with(kTimm)) continue;
    const double width = std::stod(name.substr(kTimm.size())) / 100;
    found.push_back({name, &find_model("mobilenet_v1"), width});
  }
  return found;
}

class StateDictList : public testing::TestWithParam<ListedModel> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StateDictList);

TEST_P(StateDictList, EqualsOurs) {
  const auto& [name, model, width] = GetParam();
  const fs::path folder = data_folder("torchvision_state_dict");
  expect_equal(states_of(*model, width), read_list(folder / (name + ".tsv")));
}

INSTANTIATE_TEST_SUITE_P(Models, StateDictList, testing::ValuesIn(listed_models()),
                         [](const auto& info) { return info.param.name; });

TEST(StateDict, ListsAreThere) {
  if (data_folder("torchvision_state_dict").empty()) GTEST_SKIP() << "no torchvision_state_dict/";
  EXPECT_EQ(listed_models().size(), 23u);  // 21 of torchvision's, 2 of timm's
}

// The file has no counters of batches.
TEST(StateDict, Resnet20IsThatOfItsWeightsFile) {
  const fs::path path = data_folder("weights") / "resnet20-12fca82f.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << "no weights/resnet20-12fca82f.safetensors";
  StateDict ours, theirs;
  for (const auto& [name, state] : states_of(find_model("resnet20"), 1)) {
    if (!name.ends_with(".num_batches_tracked")) ours[name] = state.substr(state.find(' ') + 1);
  }
  for (const auto& [name, tensor] : read_safetensors(path.string()).tensors) {
    theirs[name] = "float32 " + to_string(tensor.shape());
  }
  expect_equal(ours, theirs);
}

}  // namespace
}  // namespace voluta
