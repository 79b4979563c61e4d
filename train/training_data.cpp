#include <voluta/io/file.h>
#include <voluta/train/progress.h>
#include <voluta/train/training_data.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace voluta {
namespace {

// As a checkpoint gives it back.
std::string in_utf8(const std::string& name) {
  using nlohmann::json;
  const std::string text = json(name).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(text).get<std::string>();
}

}  // namespace

TrainingData training_data(const Dataset& train, std::vector<std::string> class_names) {
  for (std::string& name : class_names) name = in_utf8(name);
  return {train.count(), std::move(class_names), train.checksum()};
}

std::string difference(const TrainingData& now, const TrainingData& then) {
  const std::vector<std::string>&names = now.class_names, &old = then.class_names;
  if (names.size() != old.size()) {
    return fmt::format("{} classes where there were {}", names.size(), old.size());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == old[i]) continue;
    return fmt::format("class {} is {} where it was {}", i, quote(names[i]), quote(old[i]));
  }
  if (now.pictures != then.pictures) {
    return fmt::format("{} where there were {}", counted(now.pictures, "picture"),
                       grouped(then.pictures));
  }
  return now.checksum == then.checksum ? "" : "as many pictures, but other ones";
}

}  // namespace voluta
