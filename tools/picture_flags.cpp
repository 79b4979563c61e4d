#include "picture_flags.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "note.h"
#include "picture_views.h"

namespace voluta::cli {
namespace {

void check_at_least(const char* flag, const std::optional<int64_t>& value, int64_t least) {
  if (value && *value < least) invalid(fmt::format("{} must be at least {}", flag, least));
}

void check_pair(const char* flag, const std::vector<double>& pair, double most) {
  if (pair.empty()) return;
  if (pair.size() != 2) invalid(fmt::format("{} takes two numbers, the least and the most", flag));
  if (!(pair[0] > 0 && pair[0] <= pair[1] && pair[1] <= most)) {
    invalid(fmt::format("{} must be two numbers above 0, the least first{}", flag,
                        most == 1 ? ", and at most 1" : ""));
  }
}

int64_t worker_count(const PictureFlags& flags) {
  return flags.workers.value_or(std::max(std::thread::hardware_concurrency(), 1u));
}

// <root>/val, else <root>/test; empty where there is neither.
std::string test_folder(const std::string& root) {
  for (const char* name : {"val", "test"}) {
    const std::string folder = (std::filesystem::path(root) / name).string();
    std::error_code ignored;
    if (std::filesystem::is_directory(folder, ignored)) return folder;
  }
  return {};
}

void list(const std::vector<std::string>& messages) {
  constexpr std::size_t kShown = 100;
  for (std::size_t i = 0; i < std::min(messages.size(), kShown); ++i) {
    note(fmt::format("  {}\n", messages[i]));
  }
  if (messages.size() > kShown) note(fmt::format("  and {} more\n", messages.size() - kShown));
}

// Leaving pictures out is no advice where none is left.
[[noreturn]] void refuse(const std::vector<std::string>& messages, int64_t all) {
  const std::size_t bad = messages.size();
  if (all == 1) fail(ErrorKind::kFailed, messages.front());
  list(messages);
  if (static_cast<int64_t>(bad) == all) {
    fail(ErrorKind::kFailed, fmt::format("none of the {} pictures can be read", all));
  }
  fail(ErrorKind::kFailed,
       fmt::format("{} of {} pictures cannot be read; mend or remove them, or leave them out with "
                   "--max-bad-images {}",
                   bad, all, bad));
}

// Takes the bad pictures out of both lists.
void leave_out(std::initializer_list<PictureIndex*> indices, const PictureFlags& flags) {
  std::vector<std::string> messages;
  int64_t all = 0;
  for (PictureIndex* index : indices) {
    all += index->count();
    const BadPictures bad = find_bad_pictures(*index, worker_count(flags));
    messages.insert(messages.end(), bad.messages.begin(), bad.messages.end());
    remove_pictures(*index, bad.indices);
  }
  if (messages.empty()) return;
  const bool allowed = static_cast<int64_t>(messages.size()) <= flags.max_bad_images;
  if (!allowed) refuse(messages, all);
  const auto bad = static_cast<int64_t>(messages.size());
  note(fmt::format("{} cannot be read and {} left out:\n", counted(bad, "picture"),
                   bad == 1 ? "is" : "are"));
  list(messages);
  for (const PictureIndex* index : indices) {
    if (index->count() == 0 && !index->classes.empty()) fail_at(index->folder, "holds no picture");
  }
}

// Tells of the files that are left out, once the lists are known to be good: an error is one line alone.
void note_others(const PictureIndex& index, bool quiet) {
  if (quiet || index.others.empty()) return;
  note(fmt::format("{}: only .jpg, .jpeg and .png files are read, not {}\n",
                   index.folder.empty() ? "pictures" : index.folder, text_of(index.others)));
}

// The pictures of the test folder; where none is asked for, any will do.
PictureIndex test_pictures(const DataRequest& request, const std::string& root,
                           const PictureIndex& train) {
  const std::string folder = test_folder(root);
  const auto& known = request.weights.description;
  PictureIndex test;
  if (!folder.empty()) {
    test = index_pictures(folder, request.training ? train.classes
                                  : known          ? known->preprocessing.class_names
                                                   : std::vector<std::string>{});
  } else if (request.training && request.test_limit == 0) {
    test = train;
  } else {
    fail_at(root, "holds neither a folder val nor test");
  }
  const auto limit = static_cast<std::size_t>(
      request.test_limit < 0 ? test.count() : std::max<int64_t>(request.test_limit, 1));
  test.pictures.resize(std::min(limit, test.pictures.size()));
  return test;
}

// For evaluation.
Preprocessing of_files(const DataRequest& request, const std::vector<std::string>& class_names) {
  const EvaluationView view = evaluation_view(request);
  const int64_t channels = picture_channels(request);
  return {
      {view.crop, view.crop, channels},
      request.data.normalization(nullptr, channels, normalization_of_weights(request, channels)),
      view.resize,
      view.interpolation,
      class_names};
}

DataSets open_folders(const DataRequest& request, const std::string& root) {
  const PictureFlags& flags = request.pictures;
  if (request.own_pictures.padding > 0)
    invalid("--random-crop-padding is for mnist and cifar; folders have --scale");
  PictureIndex train;
  if (request.training) train = index_pictures((std::filesystem::path(root) / "train").string());
  PictureIndex test = test_pictures(request, root, train);
  note_others(train, request.quiet);
  if (test.folder != train.folder) note_others(test, request.quiet);
  if (flags.max_bad_images > 0) leave_out({&train, &test}, flags);

  DataSets sets;
  sets.preprocessing = of_files(request, test.classes);
  const Normalization& normalization = sets.preprocessing.normalization;
  const int64_t workers = worker_count(flags);
  sets.test = std::make_unique<ImageFolder>(std::move(test), evaluation_view(request),
                                            normalization, workers);
  if (request.training) {
    sets.train = std::make_unique<ImageFolder>(std::move(train), training_view(request),
                                               normalization, workers);
  }
  return sets;
}

// With --mean and --std of the data the tensors themselves are held against the model.
void check_channels(const DataRequest& request, const DatasetKind& kind) {
  const auto& known = request.weights.description;
  const bool normalized = !request.data.mean.empty() && !request.data.deviation.empty();
  if (!known || normalized || known->preprocessing.image[2] == kind.channels) return;
  const std::string wanted = counted(known->preprocessing.image[2], "channel");
  invalid(fmt::format(
      "{} takes pictures of {}, those of {} have {}; give other --weights, or a --dataset of {}{}",
      request.weights.path, wanted, kind.title, kind.channels, wanted,
      request.training ? "; to start from the layers that fit: --allow-partial, --mean and --std"
                       : ""));
}

DataSets open_small(const DataRequest& request, const DataSource& source) {
  const PictureFlags& flags = request.pictures;
  const DatasetKind& kind = *source.kind;
  refuse_flags_of_files(request.own_pictures, kind.title);
  check_channels(request, kind);
  const auto& known = request.weights.description;
  const Normalization normalization = request.data.normalization(
      &kind, kind.channels, known ? known->preprocessing.normalization : Normalization{});
  DataSets sets;
  if (request.training) {
    sets.train = std::make_unique<InMemoryDataset>(
        source.read(Split::kTrain), normalization,
        SmallAugmentation{flags.padding, flags.flip.value_or(0), request.seed});
  }
  const int64_t limit = request.test_limit == 0 ? 1 : request.test_limit;
  sets.test = std::make_unique<InMemoryDataset>(first_images(source.read(Split::kTest), limit),
                                                normalization);
  sets.preprocessing = {sets.test->image_shape(), normalization, std::min(kind.height, kind.width),
                        Interpolation::kBilinear, kind.class_names()};
  return sets;
}

}  // namespace

void PictureFlags::declare(Flags& flags, bool training) {
  flags.add("-j,--workers", workers, "Folders: threads that decode pictures (default: one a core)");
  flags.add("--val-resize-size", val_resize_size,
            "Folders: the shorter side before the crop (default: of the weights, else 8/7 of it)");
  flags.add(
      "--val-crop-size", val_crop_size,
      "Folders: side of the square that is evaluated (default: of the weights, else of training)");
  flags.add("--interpolation", interpolation,
            "Folders: bilinear or bicubic (default: of the weights, else bilinear)");
  flags.add("--max-bad-images", max_bad_images,
            "Folders: leave out up to so many pictures that cannot be read");
  if (!training) return;
  flags.add("--train-crop-size", train_crop_size,
            "Folders: side of a training picture (default: of the weights, else as published)");
  flags.add("--scale", scale,
            "Folders: share of the area that a random crop takes (default: .08,1)");
  flags.add("--ratio", ratio, "Folders: its width / height (default: .75,1.3333)");
  flags.add("--hflip", flip,
            "Probability of a mirrored training picture (default: folders .5, else 0)");
  flags.add("--random-crop-padding", padding,
            "mnist, cifar: train on random crops of the picture with so many black pixels around");
}

void PictureFlags::declare_batch_augmentation(Flags& flags) {
  flags.add("--auto-augment", auto_augment,
            "ta_wide: one change of TrivialAugment, of place or colour, to each training picture; "
            "pixels are taken by nearest, where torchvision's training reference says bilinear");
  flags.add("--color-jitter", color_jitter,
            "Strength of random brightness, contrast and saturation, or of each and the hue: "
            ".4,.4,.4,.1");
  flags.add("--random-erase", augmentation.random_erase,
            "Probability that a box of a training picture is erased");
  flags.add("--mixup-alpha", augmentation.mixup_alpha,
            "Blend training pictures by a share of Beta(alpha, alpha) (0: do not)");
  flags.add("--cutmix-alpha", augmentation.cutmix_alpha,
            "Exchange boxes of them, of such a share (0: do not)");
}

void PictureFlags::check() const {
  check_at_least("--workers", workers, 1);
  check_at_least("--train-crop-size", train_crop_size, 1);
  check_at_least("--val-resize-size", val_resize_size, 1);
  check_at_least("--val-crop-size", val_crop_size, 1);
  check_at_least("--max-bad-images", max_bad_images, 0);
  check_at_least("--random-crop-padding", padding, 0);
  if (workers && *workers > 1024) invalid("--workers must be at most 1024");
  if (padding > 1024) invalid("--random-crop-padding must be at most 1024");
  if (flip && !(*flip >= 0 && *flip <= 1)) invalid("--hflip must be in [0, 1]");
  check_pair("--scale", scale, 1);
  check_pair("--ratio", ratio, 1e6);
  if (!interpolation.empty()) parse_interpolation(interpolation);
  check_batch_augmentation(batch_augmentation({}));
}

BatchAugmentation PictureFlags::batch_augmentation(const Normalization& normalization) const {
  BatchAugmentation made = augmentation;
  made.normalization = normalization;
  if (!auto_augment.empty() && auto_augment != "ta_wide") {
    invalid(fmt::format("--auto-augment must be ta_wide, not {}", auto_augment));
  }
  made.trivial_augment = !auto_augment.empty();
  if (color_jitter.size() == 1) {
    std::fill_n(made.color_jitter.begin(), 3, color_jitter[0]);
  } else if (color_jitter.empty() || color_jitter.size() == 3 || color_jitter.size() == 4) {
    std::ranges::copy(color_jitter, made.color_jitter.begin());
  } else {
    invalid(
        "--color-jitter takes one number, or three or four of brightness, contrast, saturation, "
        "hue");
  }
  return made;
}

DataSets open_data(const DataRequest& request) {
  const DataSource source = request.data.source(*request.weights.model);
  DataSets sets =
      source.kind == nullptr ? open_folders(request, source.folder) : open_small(request, source);
  note_differences(request, sets.preprocessing);
  return sets;
}

DataSets open_pictures(const DataRequest& request, const std::vector<std::string>& paths) {
  const auto& known = request.weights.description;
  PictureIndex index = list_pictures(paths);
  note_others(index, request.quiet);
  if (request.pictures.max_bad_images > 0) leave_out({&index}, request.pictures);
  if (index.count() == 0) fail(ErrorKind::kFailed, "none of the pictures can be read");
  DataSets sets;
  sets.preprocessing =
      of_files(request, known ? known->preprocessing.class_names : std::vector<std::string>{});
  sets.test = std::make_unique<ImageFolder>(std::move(index), evaluation_view(request),
                                            sets.preprocessing.normalization,
                                            worker_count(request.pictures));
  note_differences(request, sets.preprocessing);
  return sets;
}

const Preprocessing& output_names(const LoadedWeights& weights, const DataSets& data) {
  const auto& known = weights.description;
  const bool named = known && !known->preprocessing.class_names.empty();
  return named ? known->preprocessing : data.preprocessing;
}

std::string picture_name(const Dataset& data, int64_t index) {
  const auto* folder = dynamic_cast<const ImageFolder*>(&data);
  return folder ? folder->index().path(static_cast<std::size_t>(index))
                : fmt::format("picture {}", index);
}

void refuse_bad_pictures(const DataSets& data, const BadPicture& first) {
  std::vector<std::string> messages;
  int64_t all = 0;
  for (const Dataset* set : {data.train.get(), data.test.get()}) {
    const auto* folder = dynamic_cast<const ImageFolder*>(set);
    if (folder == nullptr) continue;
    all += folder->count();
    const BadPictures bad = find_bad_pictures(folder->index(), folder->workers());
    messages.insert(messages.end(), bad.messages.begin(), bad.messages.end());
  }
  if (messages.empty()) throw first;  // it can be read by now
  refuse(messages, all);
}

}  // namespace voluta::cli
