#include "data_flags.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <ranges>

namespace voluta::cli {
namespace {

std::string default_folder(const DatasetKind& kind) {
  std::vector<std::string> folders;
  const char* root = std::getenv("VOLUTA_DATA");
  if (root != nullptr && *root != '\0') folders.push_back(fmt::format("{}/{}", root, kind.name));
  folders.push_back(fmt::format("../shared/data/{}", kind.name));
  std::string tried;
  for (const std::string& folder : folders) {
    if (kind.is_in(folder)) return folder;
    tried += (tried.empty() ? "" : " or ") + folder;
  }
  const char* digits =
      kind.channels == 1
          ? ", or draw digits with 'voluta data make digits --output-dir data/digits'"
          : "";
  fail(ErrorKind::kFailed,
       fmt::format("no {} in {}; give --data-path{}", kind.title, tried, digits));
}

const std::vector<double>& first_given(std::initializer_list<const std::vector<double>*> lists) {
  return **std::ranges::find_if(lists, [](const auto* list) { return !list->empty(); });
}

void check_count(const char* flag, const std::vector<double>& values, std::string_view title,
                 std::size_t channels) {
  if (values.size() == channels) return;
  invalid(
      fmt::format("{} has {} numbers; {} has {} channels", flag, values.size(), title, channels));
}

constexpr const char* kFolder = "folder";

void check_known(const std::string& dataset) {
  const auto names = all_dataset_kinds() | std::views::transform(&DatasetKind::name);
  if (std::ranges::find(names, dataset) != names.end()) return;
  invalid(fmt::format("--dataset '{}' is unknown; known are {}, {}", dataset,
                      fmt::join(names, ", "), kFolder));
}

bool holds_splits(const std::string& path) {
  return std::ranges::any_of(std::initializer_list{"train", "val", "test"}, [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::is_directory(std::filesystem::path(path) / name, ignored);
  });
}

}  // namespace

std::string DataSource::name() const {
  return kind ? std::string(kind->name) : kFolder;
}

void DataFlags::declare(Flags& flags) {
  flags.add("--data-path", path,
            "Folder with the files of the data set, plain, .gz or .xz (default: "
            "$VOLUTA_DATA/<dataset>, else ../shared/data/<dataset>)");
  flags.add("--dataset", dataset,
            "mnist, fashion_mnist, cifar10, cifar100, or folder: JPEG and PNG files in "
            "<data-path>/{train,val or test}/<class>/ (default: what --data-path holds, else the "
            "model's)");
  flags.add("--mean", mean,
            "Subtracted from the pixels in [0, 1]: a number a channel, .485,.456,.406");
  flags.add("--std", deviation,
            "What the difference is divided by: a number a channel, .229,.224,.225");
}

void DataFlags::check() const {
  if (dataset == kFolder && path.empty()) invalid("--dataset folder needs --data-path");
  if (!dataset.empty() && dataset != kFolder) check_known(dataset);
  if (!std::ranges::all_of(mean, [](double m) { return std::isfinite(m); })) {
    invalid("--mean must be finite");
  }
  if (!std::ranges::all_of(deviation, [](double d) { return std::isfinite(d) && d > 0; })) {
    invalid("--std must be finite and above 0");
  }
}

DataSource DataFlags::source(const ModelEntry& model) const {
  std::error_code ignored;
  if (!path.empty() && !std::filesystem::is_directory(path, ignored)) {
    fail_at(path, "is not a folder; --data-path takes one");
  }
  if (dataset == kFolder) return {nullptr, path};
  const DatasetKind* kind = nullptr;
  if (!dataset.empty()) kind = &find_dataset_kind(dataset);
  if (!kind && !path.empty()) kind = recognized_dataset_kind(path);
  if (!kind && !path.empty() && holds_splits(path)) return {nullptr, path};
  if (!kind) kind = published_dataset_kind(model);
  if (!kind && !path.empty()) {
    fail_at(
        path,
        "holds no data set: neither files of MNIST or CIFAR nor the folders train, val or test");
  }
  if (!kind) {
    invalid(fmt::format("{} takes {} x {} x {} pictures, and no data set has them; give --dataset",
                        model.name, model.height, model.width, model.channels));
  }
  return {kind, path.empty() ? default_folder(*kind) : path};
}

Normalization DataFlags::normalization(const DatasetKind* kind, int64_t channels,
                                       const Normalization& of_weights) const {
  const Normalization own = kind ? kind->normalization() : imagenet_normalization(channels);
  const std::string_view title = kind ? kind->title : "a picture";
  check_count("--mean", mean.empty() ? own.mean : mean, title, own.mean.size());
  check_count("--std", deviation.empty() ? own.deviation : deviation, title, own.mean.size());
  return {first_given({&mean, &of_weights.mean, &own.mean}),
          first_given({&deviation, &of_weights.deviation, &own.deviation})};
}

void check_test_limit(int64_t limit, int64_t least) {
  if (limit == -1 || limit >= least) return;
  invalid(fmt::format("--test-limit must be at least {}, or -1 for all", least));
}

LabelledImages first_images(LabelledImages data, int64_t limit) {
  if (limit < 0 || limit >= data.count()) return data;
  const Shape& s = data.images.shape();
  LabelledImages part{Tensor(DType::u8, {limit, s[1], s[2], s[3]}), Tensor(DType::i64, {limit}),
                      data.classes};
  std::memcpy(part.images.raw(), data.images.raw(), part.images.bytes());
  std::memcpy(part.labels.raw(), data.labels.raw(), part.labels.bytes());
  return part;
}

}  // namespace voluta::cli
