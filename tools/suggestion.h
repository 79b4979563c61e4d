#pragma once

// What was meant by a word that is unknown.

#include <string>
#include <vector>

namespace voluta::cli {

// The known word that is nearest to this one, or whose name is made of its initials, as "--lr" of "--learning-rate";
// empty where none is near. Dashes in front are not counted: every flag has them.
std::string closest_word(const std::string& word, const std::vector<std::string>& known);

}  // namespace voluta::cli
