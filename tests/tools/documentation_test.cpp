// The commands that README.md and docs/ show: each is one, and has the flags that it is given.

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "tools/command.h"

namespace voluta {
namespace {

const std::filesystem::path kRoot = std::filesystem::path(VOLUTA_TESTS_FOLDER).parent_path();

// "voluta train --epochs 1": the lines of a page's shell blocks that call the binary, without comments.
std::vector<std::string> commands_of(const std::filesystem::path& page) {
  std::istringstream text(read_bytes(page.string()));
  std::vector<std::string> found;
  bool in_shell = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) in_shell = line == "```sh";
    if (in_shell && line.starts_with("voluta ")) found.push_back(line.substr(0, line.find('#')));
  }
  return found;
}

std::vector<std::string> words_of(const std::string& text, const std::string& pattern) {
  const std::regex word(pattern);
  return {std::sregex_token_iterator(text.begin(), text.end(), word), {}};
}

// The words behind "voluta" that name the command: "train", "data make digits".
std::string name_of_command(const std::string& line) {
  const std::set<std::string> groups{"data", "data make", "visualize"};
  const std::vector<std::string> words = words_of(line, "\\S+");
  std::string name = words[1];
  for (std::size_t i = 2; groups.contains(name); ++i) name += " " + words[i];
  return name;
}

TEST(Documentation, ShowsCommandsThatTheBinaryHas) {
  for (const char* page : {"README.md", "docs/training.md"}) {
    const std::vector<std::string> lines = commands_of(kRoot / page);
    EXPECT_GE(lines.size(), 5U) << page;
    for (const std::string& line : lines) {
      const Outcome help = run_command(name_of_command(line) + " --help");
      ASSERT_EQ(help.code, 0) << page << ": " << line;
      const std::vector<std::string> known = words_of(help.out, "--?[a-z][a-z0-9-]*");
      for (const std::string& flag : words_of(line, "\\s--?[a-z][a-z0-9-]*")) {
        EXPECT_GT(std::ranges::count(known, flag.substr(1)), 0)
            << page << ": " << line << ":" << flag;
      }
    }
  }
}

// A recipe or program that a page names is there.
TEST(Documentation, NamesFilesThatAreThere) {
  for (const char* page : {"README.md", "docs/training.md"}) {
    const std::string text = read_bytes((kRoot / page).string());
    for (const std::string& file : words_of(text, "(recipes|examples|scripts)/[a-z0-9_.-]+[a-z]")) {
      EXPECT_TRUE(std::filesystem::exists(kRoot / file)) << page << ": " << file;
    }
  }
}

}  // namespace
}  // namespace voluta
