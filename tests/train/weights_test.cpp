// Weights from files into a session: names, shapes, types, and what may be missing.

#include <gtest/gtest.h>
#include <voluta/io/layout.h>
#include <voluta/train/step.h>
#include <voluta/train/weights.h>

#include <cmath>
#include <limits>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

const Device kCpu{};

// A file that fits LeNet-5, element i of each tensor i / 64.
TensorFile good_file() {
  const StepGraph step =
      inference_step({.model = &find_model("lenet5"), .image = {28, 28, 1}, .classes = 10});
  TensorFile file;
  for (const Value value : step.parameters) {
    const ValueInfo& info = step.graph.info(value);
    Tensor tensor(DType::f32, info.type.shape);
    for (std::size_t i = 0; i < tensor.data<float>().size(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(i) / 64;
    }
    if (tensor.shape().rank() == 4) {
      const Shape& s = tensor.shape();
      tensor = tensor.reshaped({s[0], s[3], s[1], s[2]});
    }
    file.tensors[info.name] = tensor;
  }
  return file;
}

class Weights : public ::testing::Test {
 protected:
  WeightsFit load(const TensorFile& file, bool allow_partial = false) {
    return load_weights(file, "w.safetensors", session_, step_.graph, allow_partial);
  }
  void expect_refused(const TensorFile& file, std::initializer_list<std::string> parts,
                      bool allow_partial = false) {
    expect_error(ErrorKind::kFailed, parts, [&] { load(file, allow_partial); });
    EXPECT_FALSE(session_.has_state("conv1.weight")) << "nothing may be written";
  }

  float value(const std::string& state, std::size_t element) {
    const Tensor values = session_.read_state(state);
    return values.data<float>()[element];
  }

  TensorFile file_ = good_file();
  std::map<std::string, Tensor>& tensors_ = file_.tensors;
  StepGraph step_ =
      inference_step({.model = &find_model("lenet5"), .image = {28, 28, 1}, .classes = 10});
  Session session_{kCpu};
};

TEST_F(Weights, LoadByName) {
  EXPECT_TRUE(load(file_).complete());
  EXPECT_EQ(value("fc2.weight", 64), 1.0f);
  // [6,1,5,5] in the file, [6,5,5,1] here: one channel, so the elements stand as they were.
  EXPECT_EQ(value("conv1.weight", 32), 0.5f);
}

TEST_F(Weights, RefusesWhatDoesNotFit) {
  const auto refused = [&](std::initializer_list<std::string> parts, auto&& change) {
    TensorFile file = file_;
    change(file.tensors);
    expect_refused(file, parts);
  };
  refused({"w.safetensors", "missing 'conv2.bias'", "allow_partial loads the others"},
          [](auto& t) { t.erase("conv2.bias"); });
  refused({"unexpected 'extra'"}, [](auto& t) { t["extra"] = Tensor(DType::f32, {1}); });
  refused({"'fc2.weight' is f32 [10, 83] where the model has f32 [10, 84]"}, [](auto& t) {
    t["fc2.weight"] = Tensor(DType::f32, {10, 83});
  });
  refused({"'conv1.weight' is f32 [6, 3, 5, 5] where the model has f32 [6, 1, 5, 5]",
           "pictures with 3 channels, and not 1"},
          [](auto& t) {
            t["conv1.weight"] = Tensor(DType::f32, {6, 3, 5, 5});
          });
  refused({"'fc2.bias' is i64 [10]"}, [](auto& t) { t["fc2.bias"] = Tensor(DType::i64, {10}); });
  refused({"'conv1.bias'", "and 2 more"}, [](auto& t) { t.clear(); });
  refused({"missing 'fc1.bias'", "unexpected 'x'", "'fc2.bias' is"}, [](auto& t) {
    t.erase("fc1.bias");
    t["x"] = Tensor(DType::f32, {});
    t["fc2.bias"] = Tensor(DType::f32, {});
  });
}

TEST_F(Weights, LoadsTheRestWhenAllowed) {
  tensors_.erase("conv2.bias");
  tensors_["extra"] = Tensor(DType::u8, {1});
  tensors_["fc2.weight"] = Tensor(DType::f32, {7, 84});
  const WeightsFit fit = load(file_, true);
  EXPECT_EQ(fit.fitting, 8u);
  EXPECT_EQ(fit.missing, std::vector<std::string>{"'conv2.bias'"});
  EXPECT_EQ(fit.unexpected, std::vector<std::string>{"'extra'"});
  ASSERT_EQ(fit.misshapen.size(), 1u);
  EXPECT_EQ(value("fc1.weight", 64), 1.0f);

  Session fresh(kCpu);
  fresh.adopt(step_.graph);
  for (const char* name : {"conv2.bias", "fc2.weight"}) {
    const Tensor kept = session_.read_state(name), initial = fresh.read_state(name);
    EXPECT_TRUE(std::ranges::equal(kept.data<float>(), initial.data<float>())) << name;
  }
}

TEST_F(Weights, RefusesAFileOfWhichNothingFits) {
  TensorFile other;
  other.tensors["features.0.weight"] = Tensor(DType::f32, {64, 3, 3, 3});
  expect_refused(other, {"none of the weights fit", "'features.0.weight'"}, true);
}

TEST_F(Weights, DropsThePrefixOfDataParallel) {
  TensorFile prefixed;
  for (const auto& [name, tensor] : tensors_) prefixed.tensors["module." + name] = tensor;
  EXPECT_TRUE(load(prefixed).complete());
  // Of some of the names it is no prefix of DataParallel's.
  prefixed.tensors["fc2.bias"] = tensors_["fc2.bias"];
  Session other(kCpu);
  EXPECT_THROW(load_weights(prefixed, "w", other, step_.graph), Error);
}

// What torch.optim.swa_utils.AveragedModel and torch.compile make of the names, alone and of one another.
TEST_F(Weights, DropsTheNamesOfWrappers) {
  const auto loads = [&](const std::function<std::string(const std::string&)>& wrapped) {
    TensorFile file;
    for (const auto& [name, tensor] : tensors_) file.tensors[wrapped(name)] = tensor;
    file.tensors["n_averaged"] = Tensor(DType::i64, {});
    Session session(kCpu);
    EXPECT_TRUE(load_weights(file, "w", session, step_.graph).complete()) << wrapped("x");
    const Tensor loaded = session.read_state("fc2.weight");
    EXPECT_EQ(loaded.data<float>()[64], 1.0f);
  };
  loads([](const std::string& name) { return name; });
  loads([](const std::string& name) { return "module." + name; });
  loads([](const std::string& name) { return "_orig_mod." + name; });
  loads([](const std::string& name) { return "module._orig_mod." + name; });
  loads([](const std::string& name) { return "_orig_mod.module.module." + name; });
  loads([](const std::string& name) {
    return name.starts_with("conv1.") ? "conv1._orig_mod." + name.substr(6) : name;
  });
  TensorFile twice = file_;
  twice.tensors["_orig_mod.fc2.bias"] = tensors_["fc2.bias"];
  expect_refused(twice, {"unexpected '_orig_mod.fc2.bias'"});
  expect_refused({}, {"missing 'conv1.weight'"});
}

// torchvision's weights of GoogLeNet are without its auxiliary heads, which training needs alone.
TEST_F(Weights, OfHeadsThatOnlyTrainingUsesMayBeMissing) {
  const StepOptions options{.model = &find_model("googlenet"),
                            .options = {.classes = 3, .width = 0.125},
                            .image = {64, 64, 3},
                            .classes = 3,
                            .batch = 2};
  const StepGraph step = inference_step(options);
  TensorFile file;
  for (const ValueInfo& info : step.graph.values()) {
    const bool saved = info.kind == ValueKind::kState && !info.name.starts_with("aux");
    if (!saved) continue;
    Tensor tensor(info.type.dtype, parameter_shape_in_pytorch(info.type.shape));
    file.tensors[info.name] = tensor;
  }
  EXPECT_TRUE(load_weights(file, "w", session_, step).complete());
  expect_error(ErrorKind::kFailed, {"missing 'aux1."},
               [&] { fit_weights(file, "w", inference_step(options, StepMode::kTraining)); });
  file.tensors.erase("conv1.conv.weight");
  expect_error(ErrorKind::kFailed, {"missing 'conv1.conv.weight'"},
               [&] { fit_weights(file, "w", step); });
}

// f16 and bf16 hold the multiples of 1/64 below 4 exactly, up to their eight and eleven bits.
TEST_F(Weights, ConvertsFloatingTypes) {
  const float values[] = {0.5f, -1.25f, 3.0f, 0x1p-14f, 2.0f, 0, -0.0f, 100, 96, 0.75f};
  for (const DType dtype : {DType::f16, DType::bf16, DType::f64}) {
    Tensor bias(dtype, {10});
    dispatch_floating(dtype, [&]<class T>() {
      for (std::size_t i = 0; i < 10; ++i) bias.data<T>()[i] = from_double<T>(values[i]);
    });
    tensors_["fc2.bias"] = bias;
    Session session(kCpu);
    EXPECT_TRUE(load_weights(file_, "w", session, step_.graph).complete());
    const Tensor loaded = session.read_state("fc2.bias");
    EXPECT_TRUE(std::ranges::equal(loaded.data<float>(), values)) << name_of(dtype);
  }
  Tensor wide(DType::f64, {10});
  wide.data<double>()[0] = 1 + 0x1p-30;
  wide.data<double>()[1] = 1e300;
  wide.data<double>()[2] = std::numeric_limits<double>::quiet_NaN();
  tensors_["fc2.bias"] = wide;
  load(file_);
  const Tensor loaded = session_.read_state("fc2.bias");
  EXPECT_EQ(loaded.data<float>()[0], 1.0f);
  EXPECT_TRUE(std::isinf(loaded.data<float>()[1]));
  EXPECT_TRUE(std::isnan(loaded.data<float>()[2]));
}

// A graph with a counter as batch norm has it.
TEST_F(Weights, CountersMayBeMissingAndComeBack) {
  Graph graph;
  const Scope bn = Scope(graph)["bn1"];
  bn.parameter("weight", {4}, fill_with(1));
  bn.buffer("running_mean", {DType::f32, {4}});
  bn.buffer("num_batches_tracked", {DType::i64, {}});
  TensorFile file;
  file.tensors["bn1.weight"] = Tensor(DType::f32, {4});
  file.tensors["bn1.running_mean"] = Tensor(DType::f32, {4});
  EXPECT_TRUE(load_weights(file, "w", session_, graph).complete());

  Tensor count(DType::i64, {});
  count.data<int64_t>()[0] = (int64_t{1} << 40) + 3;
  file.tensors["bn1.num_batches_tracked"] = count;
  file.tensors["bn2.num_batches_tracked"] = count;  // of a layer that the graph does not have
  EXPECT_TRUE(load_weights(file, "w", session_, graph).complete());
  const TemporaryFolder folder;
  save_weights(folder / "w", session_, graph, {"m", 1, {{1, 1, 1}, {{0}, {1}}, 1}});
  const TensorFile back = read_safetensors(folder / "w");
  EXPECT_EQ(back.tensors.size(), 3u);
  EXPECT_EQ(back.tensors.at("bn1.num_batches_tracked").type(), count.type());
  EXPECT_EQ(back.tensors.at("bn1.num_batches_tracked").item<int64_t>(), (int64_t{1} << 40) + 3);

  file.tensors.erase("bn1.running_mean");
  Session other(kCpu);
  expect_error(ErrorKind::kFailed, {"missing 'bn1.running_mean'"},
               [&] { load_weights(file, "w", other, graph); });
}

// What has no name says nothing about itself; what says something must make sense.
TEST_F(Weights, AreSavedWithoutADescription) {
  const TemporaryFolder folder;
  const std::string path = folder / "w";
  session_.adopt(step_.graph);
  save_weights(path, session_, step_.graph, {});
  const TensorFile file = read_safetensors(path);
  EXPECT_FALSE(description_of(file, path));
  EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_TRUE(load(file).complete());
  expect_error(ErrorKind::kInvalidArgument, {"description", "'lenet5'"}, [&] {
    save_weights(folder / "unsound", session_, step_.graph, {.model = "lenet5", .classes = 10});
  });
  EXPECT_FALSE(std::filesystem::exists(folder / "unsound"));
}

}  // namespace
}  // namespace voluta
