#include "recipe.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace voluta::cli {
namespace {

std::string text_of(const std::string& path, const std::string& name, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  fail_at(path,
          fmt::format("line {}: '{}' must be a string, a number, true, false or a list of them",
                      node.source().begin.line, name));
}

// What says which run this is, and how, is said where it is started.
void check_belongs(const std::string& path, const std::string& name, const toml::node& node) {
  if (name != "config" && name != "resume" && name != "help") return;
  invalid(fmt::format("{}: line {}: '{}' stands on the command line alone, not in a recipe", path,
                      node.source().begin.line, name));
}

std::string read_text(const std::string& path) {
  constexpr uint64_t kMost = 1 << 20;
  const InputFile file(path);
  if (file.bytes() > kMost) fail_at(path, "is too large for a recipe: more than 1 MiB");
  std::string text(file.bytes(), '\0');
  file.read_at(0, text.data(), text.size());
  return text;
}

}  // namespace

MoreSettings read_recipe(const std::string& path) {
  MoreSettings more{path, {}};
  const std::string text = read_text(path);
  try {
    const toml::table table = toml::parse(text, path);
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      check_belongs(path, name, node);
      std::vector<std::string>& values = more.settings[name];
      if (const toml::array* list = node.as_array()) {
        for (const toml::node& item : *list) values.push_back(text_of(path, name, item));
      } else {
        values.push_back(text_of(path, name, node));
      }
    }
  } catch (const toml::parse_error& error) {
    fail_at(path, fmt::format("line {}: {}", error.source().begin.line, error.description()));
  }
  return more;
}

}  // namespace voluta::cli
