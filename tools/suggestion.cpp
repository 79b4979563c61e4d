#include "suggestion.h"

#include <algorithm>
#include <numeric>

namespace voluta::cli {
namespace {

// Insertions, deletions and exchanges that turn a into b (Levenshtein 1966).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string without_dashes(const std::string& word) {
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

// "lr" of "learning-rate"; empty for a single word.
std::string initials(const std::string& name) {
  std::string letters;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '-' && (i == 0 || name[i - 1] == '-')) letters += name[i];
  }
  return letters.size() < 2 ? "" : letters;
}

}  // namespace

std::string closest_word(const std::string& word, const std::vector<std::string>& known) {
  const std::string name = without_dashes(word), letters = initials(name);
  std::string closest;
  std::size_t least = name.size() / 2 + 1;
  for (const std::string& candidate : known) {
    const std::string other = without_dashes(candidate);
    const std::size_t distance = other == letters ? 0 : edit_distance(name, other);
    if (distance < least) {
      least = distance;
      closest = candidate;
    }
  }
  return closest;
}

}  // namespace voluta::cli
