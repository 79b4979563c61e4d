// The `voluta` and `voluta-simt` binaries.

#include "command_line.h"

int main(int argc, char** argv) {
  using namespace voluta::cli;
  const Command commands[] = {
      devices_command(),
      summary_command(),
      data_make_digits_command(),
      data_bench_command(),
      train_command(),
      eval_command(),
      predict_command(),
      forward_command(),
      visualize_filters_command(),
      visualize_activations_command(),
      visualize_gradcam_command(),
      visualize_saliency_command(),
      visualize_graph_command(),
      compare_command(),
  };
  return run_command_line(argc, argv, commands);
}
