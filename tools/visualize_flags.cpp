#include "visualize_flags.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/train/picture_grid.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "output_folder.h"

namespace voluta::cli {

void VisualizeFlags::declare_model(Flags& flags, const std::string& default_output,
                                   const std::string& shows) {
  output = default_output;
  weights.declare(flags, true);
  flags.add("-o,--output", output, "File to write: " + shows);
  model.declare(flags, "--model", "what the weights file says");
}

void VisualizeFlags::declare_picture(Flags& flags) {
  flags.add("picture", picture, "JPEG or PNG file");
  flags.add("--index", index, "Of a data set: the number of the test picture, from 0");
  data.declare(flags);
  pictures.declare(flags, false);
  device.declare(flags);
}

void VisualizeFlags::check_output(const std::string& picture_path) const {
  check_writable(output, {{"--weights", weights.weights}, {"the picture", picture_path}});
}

Image SeenPicture::shown() const {
  const Shape& s = input.shape();
  const Image image =
      picture_of(input.data<float>().data(), {s[1], s[2], s[3]}, data.preprocessing.normalization);
  const auto factor = [](int64_t least, int64_t extent) { return (least + extent - 1) / extent; };
  return enlarged(image,
                  std::max(factor(384, std::max(s[1], s[2])), factor(224, std::min(s[1], s[2]))));
}

SeenPicture open_picture(const VisualizeFlags& flags, const LoadedWeights& weights) {
  flags.data.check();
  flags.pictures.check();
  if (flags.device.data_type() != DType::f32) {
    invalid("maps and gradients are looked at in f32; leave out --precision");
  }
  const bool of_set = !flags.data.path.empty() || !flags.data.dataset.empty();
  if (of_set != flags.picture.empty()) {
    invalid("which picture? Give a file, or --data-path and --index for a test picture of a set");
  }
  const DataRequest request{.data = flags.data,
                            .pictures = flags.pictures,
                            .weights = weights,
                            .quiet = flags.device.quiet};
  SeenPicture seen;
  seen.data = of_set ? open_data(request) : open_pictures(request, {flags.picture});
  const Dataset& set = *seen.data.test;
  const int64_t index = flags.index.value_or(0);
  if (index < 0 || index >= set.count()) {
    invalid(fmt::format("--index {} is outside 0..{}", index, set.count() - 1));
  }
  const Shape shape = set.image_shape();
  seen.name = picture_name(set, index);
  seen.input = Tensor(DType::f32, {1, shape[0], shape[1], shape[2]});
  set.load(static_cast<uint32_t>(index), 0, seen.input.data<float>().data());
  return seen;
}

int64_t find_class(const std::string& text, const Preprocessing& names) {
  const auto found = std::ranges::find(names.class_names, text);
  if (found != names.class_names.end()) return found - names.class_names.begin();
  int64_t label = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (error == std::errc() && end == text.data() + text.size() && label >= 0) return label;
  const std::size_t shown = std::min<std::size_t>(names.class_names.size(), 20);
  invalid(
      fmt::format("--class {} is neither a number nor one of {}{}", quote(text),
                  fmt::join(names.class_names.begin(),
                            names.class_names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                  shown < names.class_names.size() ? ", ..." : ""));
}

void check_ending(const std::string& path, std::initializer_list<const char*> endings) {
  if (std::ranges::any_of(endings, [&](const char* ending) { return path.ends_with(ending); })) {
    return;
  }
  invalid(fmt::format("--output {} must end in {}", path, fmt::join(endings, " or ")));
}

}  // namespace voluta::cli
