#include <voluta/core/error.h>
#include <voluta/judge/problem.h>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <sstream>

namespace voluta::judge {
namespace {

bool is_letter(char c) {
  return std::islower(static_cast<unsigned char>(c)) != 0;
}
bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool is_dtype(const std::string& word) {
  static const std::set<std::string> kNames = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8"};
  return kNames.contains(word);
}

}  // namespace

ProblemLine::ProblemLine(std::string_view text) : text_(text) {
  std::istringstream tokens{text_};
  std::string extents, token;
  if (!(tokens >> op_ >> extents)) invalid("'" + text_ + "' is no problem: want 'op extents ...'");
  for (std::size_t i = 0; i < extents.size();) {
    const std::size_t begin = i;
    while (i < extents.size() && is_letter(extents[i])) ++i;
    const std::string key = extents.substr(begin, i - begin);
    std::vector<int64_t> values;
    do {
      if (!values.empty()) ++i;  // the comma
      int64_t value = 0;
      const char* end = extents.data() + extents.size();
      const auto [stop, error] = std::from_chars(extents.data() + i, end, value);
      if (key.empty() || error != std::errc{} || !is_digit(extents[i])) {
        invalid("'" + extents + "' in '" + text_ + "' is not a row of letters with numbers");
      }
      values.push_back(value);
      i = static_cast<std::size_t>(stop - extents.data());
    } while (i < extents.size() && extents[i] == ',');
    if (!extents_.emplace(key, values).second) invalid("'" + key + "' stands twice in " + text_);
    order_.push_back(key);
    unread_.insert(key);
  }
  while (tokens >> token) {
    words_.insert(token);
    unread_.insert(token);
  }
}

int64_t ProblemLine::extent(const std::string& key) {
  if (!has(key)) invalid("'" + text_ + "' names no extent '" + key + "'");
  return extent(key, 0);
}

int64_t ProblemLine::extent(const std::string& key, int64_t fallback) {
  if (!has(key)) return fallback;
  const std::vector<int64_t> values = extents(key);
  if (values.size() > 1) invalid("'" + key + "' in '" + text_ + "' is one number, no list");
  return values[0];
}

std::vector<int64_t> ProblemLine::extents(const std::string& key) {
  unread_.erase(key);
  const auto found = extents_.find(key);
  if (found == extents_.end()) invalid("'" + text_ + "' names no extent '" + key + "'");
  return found->second;
}

double ProblemLine::number(const std::string& name, double fallback) {
  for (const std::string& word : words_) {
    if (!word.starts_with(name)) continue;
    char* end = nullptr;
    const double value = std::strtod(word.c_str() + name.size(), &end);
    if (end == word.c_str() + name.size() || *end != '\0') continue;
    unread_.erase(word);
    return value;
  }
  return fallback;
}

uint64_t ProblemLine::integer(const std::string& name, uint64_t fallback) {
  for (const std::string& word : words_) {
    if (!word.starts_with(name)) continue;
    const char *begin = word.data() + name.size(), *end = word.data() + word.size();
    uint64_t value = 0;
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (error != std::errc{} || stop != end) continue;
    unread_.erase(word);
    return value;
  }
  return fallback;
}

bool ProblemLine::word(const std::string& word) {
  unread_.erase(word);
  return words_.contains(word);
}

DType ProblemLine::dtype() {
  DType dtype = DType::f32;
  for (const std::string& word : words_) {
    if (!is_dtype(word)) continue;
    dtype = parse_dtype(word);
    unread_.erase(word);
  }
  return dtype;
}

Shape ProblemLine::shape() {
  std::vector<int64_t> extents;
  for (const std::string& key : order_) extents.push_back(extent(key));
  return Shape(std::span<const int64_t>(extents));
}

void ProblemLine::check_all_read() const {
  if (!unread_.empty()) invalid("'" + *unread_.begin() + "' means nothing in '" + text_ + "'");
}

}  // namespace voluta::judge
