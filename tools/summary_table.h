#pragma once

// The table of voluta summary, as wide as there is room for.

#include <voluta/train/summary.h>

#include <string>
#include <vector>

namespace voluta::cli {

// One line a layer, the input first and the totals last. `columns` is the width to fit into; 0: no
// limit. Less room gives fewer columns and shorter numbers: 1.85 G for 1,849,688,064.
std::string summary_table(const std::vector<LayerSummary>& layers, const Shape& input,
                          std::size_t columns);

// "138 M", "1.85 G": three digits; below 1000 as they are.
std::string short_number(double number);

}  // namespace voluta::cli
