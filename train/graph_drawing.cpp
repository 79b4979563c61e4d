#include <voluta/train/graph_drawing.h>
#include <voluta/train/layered_layout.h>

#include <fmt/format.h>

#include <algorithm>

namespace voluta {
namespace {

std::string extents(const Shape& shape) {
  std::string text;
  for (int i = 0; i < shape.rank(); ++i) text += fmt::format("{}{}", i ? " × " : "", shape[i]);
  return text;
}

const char* color_of(const std::string& kind) {
  if (kind.find("conv") != std::string::npos) return "#dbe9fb";
  if (kind.find("pool") != std::string::npos) return "#dcf3dc";
  if (kind == "linear") return "#fde8cf";
  if (kind == "add" || kind == "concat") return "#eadcf7";
  return "#f0f0f0";
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

constexpr double kLine = 16, kPad = 10;  // pixels of a line of text, and around the text

// Of Verdana and DejaVu Sans at 12 pixels, the widest of the fonts named below; characters of UTF-8
// count once.
double text_width(const std::string& text) {
  return 7.2 * static_cast<double>(std::ranges::count_if(
                   text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<std::string> lines_of(const DrawnLayer& layer) {
  std::vector<std::string> lines{layer.path};
  if (!layer.what.empty()) lines.push_back(layer.what);
  lines.push_back(extents(layer.output));
  return lines;
}

std::string box_svg(const DrawnLayer& layer, const LayoutBox& box, const Point& center) {
  const double left = center.x - box.width / 2, top = center.y - box.height / 2;
  std::string svg = fmt::format(
      "<g><title>{}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
      "rx=\"5\" fill=\"{}\" stroke=\"#667\"/>\n",
      escaped(layer.path), left, top, box.width, box.height, color_of(layer.kind));
  double y = top + kPad / 2 + 12;
  const std::vector<std::string> lines = lines_of(layer);
  for (std::size_t i = 0; i < lines.size(); ++i, y += kLine) {
    const char* style = i == 0                  ? " font-weight=\"bold\""
                        : i + 1 == lines.size() ? " fill=\"#667\""
                                                : "";
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", center.x, y, style,
                       escaped(lines[i]));
  }
  return svg + "</g>\n";
}

// Straight through the layers that it passes, curved between them.
std::string edge_svg(const LayoutEdge& edge) {
  const auto& points = edge.points;
  std::string path = fmt::format("M{:.1f} {:.1f}", points[0].x, points[0].y);
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point &a = points[i - 1], &b = points[i];
    const double middle = (a.y + b.y) / 2;
    path += fmt::format("C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", a.x, middle, b.x, middle, b.x,
                        b.y);
  }
  return fmt::format("<path d=\"{}\" marker-end=\"url(#to)\"/>\n", path);
}

}  // namespace

std::string as_dot(const std::vector<DrawnLayer>& layers, const std::string& title) {
  std::string dot = fmt::format(
      "digraph \"{}\" {{\n  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", "
      "fontsize=11];\n",
      title);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::string label;
    for (const std::string& line : lines_of(layers[i]))
      label += (label.empty() ? "" : "\\n") + line;
    dot += fmt::format("  n{} [label=\"{}\", fillcolor=\"{}\"];\n", i, label,
                       color_of(layers[i].kind));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const int input : layers[i].inputs) dot += fmt::format("  n{} -> n{};\n", input, i);
  }
  return dot + "}\n";
}

std::string as_svg(const std::vector<DrawnLayer>& layers, const std::string& title) {
  constexpr double kGap = 28;
  std::vector<LayoutBox> boxes;
  for (const DrawnLayer& layer : layers) {
    const std::vector<std::string> lines = lines_of(layer);
    double width = text_width(lines[0]) * 1.12;  // bold
    for (const std::string& line : lines) width = std::max(width, text_width(line));
    boxes.push_back(
        {width + 2 * kPad, kLine * static_cast<double>(lines.size()) + kPad, layer.inputs});
  }
  const Layout layout = layered_layout(boxes, kGap);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 "
      "0 "
      "{0:.0f} {1:.0f}\">\n<title>{2}</title>\n<defs><marker id=\"to\" viewBox=\"0 0 8 8\" "
      "refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 "
      "4L0 8z\" fill=\"#667\" stroke=\"none\"/></marker></defs>\n<rect width=\"100%\" "
      "height=\"100%\" fill=\"white\"/>\n<g fill=\"none\" stroke=\"#667\" stroke-width=\"1.3\">\n",
      layout.width, layout.height, escaped(title));
  for (const LayoutEdge& edge : layout.edges) svg += edge_svg(edge);
  svg +=
      "</g>\n<g font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"12\" "
      "text-anchor=\"middle\" fill=\"#112\">\n";
  for (std::size_t i = 0; i < layers.size(); ++i) {
    svg += box_svg(layers[i], boxes[i], layout.centers[i]);
  }
  return svg + "</g>\n</svg>\n";
}

}  // namespace voluta
