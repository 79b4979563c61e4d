// voluta visualize graph: a model's layers as a drawing.

#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/train/graph_drawing.h>

#include <fmt/format.h>

#include <memory>

#include "command_line.h"
#include "output_folder.h"
#include "visualize_flags.h"

namespace voluta::cli {
namespace {

struct GraphArguments {
  std::string weights, output = "graph.svg";
  ModelFlags model;
};

int run(const GraphArguments& a) {
  check_ending(a.output, {".svg", ".dot"});
  const LoadedWeights known = load_or_describe(a.weights, a.model, "");
  const ModelEntry& model = *known.model;
  const StepGraph step = inference_step(step_for(known, image_of(known)));
  a.model.check_effect(step.graph, model.name);
  const std::vector<DrawnLayer> layers = drawn_layers(step);
  const std::string title(model.name);
  check_writable(a.output, {{"--weights", a.weights}});
  AtomicFile file(a.output);
  file.write(a.output.ends_with(".svg") ? as_svg(layers, title) : as_dot(layers, title));
  file.commit();
  fmt::print("{}: {} layers of {}\n", a.output, layers.size() - 1, model.name);
  return 0;
}

}  // namespace

Command visualize_graph_command() {
  auto a = std::make_shared<GraphArguments>();
  return {.name = "visualize graph",
          .description = "The layers of a model as a drawing: SVG, or DOT for graphviz",
          .examples =
              "  voluta visualize graph resnet20\n"
              "  voluta visualize graph --weights w.safetensors -o model.svg\n"
              "  voluta visualize graph inception_v3 -o inception.dot",
          .declare =
              [a](Flags& flags) {
                a->model.declare(flags, "model,--model", "of the weights");
                flags.add("--weights", a->weights, "safetensors with PyTorch's names and layouts");
                flags.add("-o,--output", a->output, "File to write, .svg or .dot");
              },
          .run = [a] { return run(*a); }};
}

}  // namespace voluta::cli
