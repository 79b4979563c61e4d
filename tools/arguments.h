#pragma once

// The words of a command line: numbers, and lists of numbers.

#include <charconv>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

namespace voluta::cli {

// Whether all of the text is a number; the error says whether it is one that is too large.
template <class T>
std::errc parse_number(const std::string& text, T& value) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return end == last ? error : std::errc::invalid_argument;
}

// What is wrong with a whole number of type T; empty: nothing. (CLI11 wraps a negative one into an unsigned one
// and clamps one that is too large.)
template <class T>
std::string whole_number(const std::string& text) {
  T value{};
  const std::errc error = parse_number(text, value);
  if (error == std::errc{}) return {};
  if (error == std::errc::result_out_of_range) return "'" + text + "' is too large";
  return "'" + text + "' is no whole number" + (std::is_signed_v<T> ? "" : " of at least 0") +
         ", such as 1000";
}

// The same of any number, and of numbers with commas between them.
std::string real_number(const std::string& text);
std::string list_of_numbers(const std::string& text);

std::vector<std::string> words_between_commas(std::string text);

// Arguments as CLI11 is to see them: the numbers behind a flag of a list are one word with commas, so that a
// list ends where what follows is none: --mean .1 .2 cat.jpg.
class Arguments {
 public:
  Arguments(std::span<char*> words, const std::set<std::string>& list_flags);
  int count() const { return static_cast<int>(pointers_.size()); }
  char** values() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

}  // namespace voluta::cli
