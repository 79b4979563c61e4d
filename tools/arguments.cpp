#include "arguments.h"

#include <algorithm>
#include <sstream>

namespace voluta::cli {

std::string real_number(const std::string& text) {
  double value = 0;
  return parse_number(text, value) == std::errc{} ? "" : "'" + text + "' is no number";
}

std::vector<std::string> words_between_commas(std::string text) {
  std::ranges::replace(text, ',', ' ');
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string list_of_numbers(const std::string& text) {
  const std::vector<std::string> words = words_between_commas(text);
  if (words.empty()) return real_number(text);
  for (const std::string& word : words) {
    if (std::string wrong = real_number(word); !wrong.empty()) return wrong;
  }
  return {};
}

Arguments::Arguments(std::span<char*> words, const std::set<std::string>& list_flags) {
  bool in_list = false, has_numbers = false;
  for (const std::string word : words) {
    const bool continues = in_list && list_of_numbers(word).empty();
    if (continues && has_numbers) {
      words_.back() += "," + word;
    } else {
      words_.push_back(word);
    }
    has_numbers = continues;
    in_list = continues || list_flags.contains(word);
  }
  for (std::string& word : words_) pointers_.push_back(word.data());
}

}  // namespace voluta::cli
