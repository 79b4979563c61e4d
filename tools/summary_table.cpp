#include "summary_table.h"

#include <voluta/core/memory/memory_stats.h>
#include <voluta/train/progress.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace voluta::cli {
namespace {

struct Column {
  std::string head;
  bool left = false;
  std::vector<std::string> cells;  // input, layers, total

  std::size_t width() const {
    std::size_t widest = head.size();
    for (const std::string& cell : cells) widest = std::max(widest, cell.size());
    return widest;
  }
};

// How much a table shows, and the spaces between its columns. Parameters are always in full: they
// are what people compare.
struct Detail {
  bool flops_and_memory, op, long_numbers, long_shapes;
  std::size_t gap;
};
constexpr Detail kDetails[] = {{true, true, true, true, 2},
                               {false, true, true, true, 2},
                               {false, true, false, true, 2},
                               {false, true, false, false, 2},
                               {false, false, false, false, 1}};

std::string shape_text(const Shape& shape, bool is_long) {
  if (is_long) return to_string(shape);
  std::string text;  // without the batch
  for (int axis = 1; axis < shape.rank(); ++axis) {
    text += fmt::format("{}{}", axis > 1 ? "x" : "", shape[axis]);
  }
  return text;
}

// Every column from what it shows of the input, of a layer and of the sum.
class Table {
 public:
  Table(const std::vector<LayerSummary>& layers, const Shape& input, const Detail& detail)
      : layers_(layers), input_(input), detail_(detail), sum_(total(layers, input)) {
    const auto elements = static_cast<double>(input.elements() / input[0]);
    add(
        "layer", true, "input", [](const auto& l) { return l.name; }, "total");
    if (detail.op)
      add(
          "op", true, "", [](const auto& l) { return l.op; }, "");
    add(
        "output", true, shape(input), [&](const auto& l) { return shape(l.output.shape); }, "");
    add(
        "parameters", false, "",
        [&](const auto& l) { return l.parameters ? grouped(l.parameters) : "-"; },
        grouped(sum_.parameters));
    add(
        "MACs", false, "", [&](const auto& l) { return number(l, l.macs); }, number(sum_.macs));
    if (detail.flops_and_memory) {
      add(
          "FLOPs", false, "", [&](const auto& l) { return number(l, l.flops); },
          number(sum_.flops));
    }
    add(
        "activations", false, number(elements),
        [&](const auto& l) { return number(l, l.activations); }, number(sum_.activations));
    if (detail.flops_and_memory) add_memory();
    add(
        "field", false, "1", [](const auto& l) { return grouped(l.receptive_field); }, "");
  }

  std::size_t width() const {
    std::size_t sum = detail_.gap * (columns_.size() - 1);
    for (const Column& column : columns_) sum += column.width();
    return sum;
  }

  std::string text() const {
    std::vector<std::string> lines(layers_.size() + 3);
    for (const Column& column : columns_) {
      const std::size_t width = column.width();
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string& cell = i == 0 ? column.head : column.cells[i - 1];
        lines[i] += std::string(lines[i].empty() ? 0 : detail_.gap, ' ');
        lines[i] +=
            column.left ? fmt::format("{:<{}}", cell, width) : fmt::format("{:>{}}", cell, width);
      }
    }
    std::string text;
    for (std::string& line : lines) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

 private:
  template <class Cell>
  void add(const char* head, bool left, std::string of_input, const Cell& cell,
           std::string of_sum) {
    Column column{head, left, {std::move(of_input)}};
    for (const LayerSummary& layer : layers_) column.cells.push_back(cell(layer));
    column.cells.push_back(std::move(of_sum));
    columns_.push_back(std::move(column));
  }

  // Of the outputs, for the batch.
  void add_memory() {
    const std::size_t input = TensorType{DType::f32, input_}.bytes();
    std::size_t all = input;
    for (const LayerSummary& layer : layers_) all += layer.output.bytes();
    add(
        "memory", false, format_bytes(input),
        [](const auto& l) { return format_bytes(l.output.bytes()); }, format_bytes(all));
  }

  std::string shape(const Shape& s) const { return shape_text(s, detail_.long_shapes); }
  template <class T>
  std::string number(T value) const {
    if (!detail_.long_numbers) return short_number(static_cast<double>(value));
    return grouped(std::llround(static_cast<double>(value)));
  }
  // Zeros would only hide the numbers that matter.
  template <class T>
  std::string number(const LayerSummary&, T value) const {
    return value == 0 ? "-" : number(value);
  }

  const std::vector<LayerSummary>& layers_;
  const Shape& input_;
  Detail detail_;
  ModelTotals sum_;
  std::vector<Column> columns_;
};

}  // namespace

std::string summary_table(const std::vector<LayerSummary>& layers, const Shape& input,
                          std::size_t columns) {
  for (const Detail& detail : kDetails) {
    const Table table(layers, input, detail);
    const bool last = &detail == &kDetails[std::size(kDetails) - 1];
    if (columns == 0 || last || table.width() <= columns) return table.text();
  }
  return {};
}

std::string short_number(double number) {
  const char* const units[] = {"", " K", " M", " G", " T"};
  std::size_t unit = 0;
  while (number >= 999.5 && unit + 1 < std::size(units)) {
    number /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", number, decimals, units[unit]);
}

}  // namespace voluta::cli
