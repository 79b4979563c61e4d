#include <voluta/train/preprocessing.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace voluta {

bool is_sound(const Preprocessing& p) {
  if (p.image.rank() != 3 || p.image.elements() < 1) return false;
  const auto channels = static_cast<std::size_t>(p.image[2]);
  const Normalization& n = p.normalization;
  return n.mean.size() == channels && n.deviation.size() == channels &&
         std::ranges::all_of(n.mean, [](double m) { return std::isfinite(m); }) &&
         std::ranges::all_of(n.deviation, [](double d) { return std::isfinite(d) && d > 0; }) &&
         p.resize >= std::min(p.image[0], p.image[1]);
}

std::string class_name(const Preprocessing& preprocessing, int64_t label) {
  const auto& names = preprocessing.class_names;
  const bool named = label >= 0 && label < static_cast<int64_t>(names.size());
  return named ? names[static_cast<std::size_t>(label)] : fmt::format("class {}", label);
}

std::vector<std::string> differences(const Preprocessing& now, const Preprocessing& then) {
  std::vector<std::string> found;
  const auto compare = [&](const char* what, const auto& a, const auto& b) {
    if (a != b) found.push_back(fmt::format("{} {} instead of {}", what, a, b));
  };
  compare("pictures of", to_string(now.image), to_string(then.image));
  compare("resize", now.resize, then.resize);
  compare("interpolation", to_string(now.interpolation), to_string(then.interpolation));
  compare("mean", now.normalization.mean, then.normalization.mean);
  compare("std", now.normalization.deviation, then.normalization.deviation);
  const bool named = !now.class_names.empty() && !then.class_names.empty();
  if (named && now.class_names != then.class_names) found.push_back("classes of other names");
  return found;
}

}  // namespace voluta
