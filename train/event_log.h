#pragma once

// TensorBoard's event files: `tensorboard --logdir runs` shows each run's folder that has one.
//   events.out.tfevents.<seconds since 1970>.<host>
// A file is a row of Event messages (tensorflow/core/util/event.proto) in the frames of
// io/record_file.h. A resumed run opens another file, which begins by saying from which step on what
// older files say no longer counts (SessionLog START, as SummaryWriter's purge_step).

#include <voluta/core/graph/graph.h>
#include <voluta/io/image.h>
#include <voluta/io/protobuf.h>
#include <voluta/io/record_file.h>
#include <voluta/train/histogram.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace voluta {

class EventLog {
 public:
  // `first_step` is the first that this process will report; at 1 the run is a fresh one, and the
  // event files of a run before it are removed from the folder. Throws kFailed where the file cannot
  // be written, as every call below does.
  EventLog(const std::string& folder, int64_t first_step);

  struct Scalar {
    std::string_view tag;
    double value;  // stored as f32
  };
  // A tag is "group/name": TensorBoard shows a group's curves together.
  void add_scalars(int64_t step, std::span<const Scalar> scalars);
  void add_image(int64_t step, std::string_view tag, const Image& image);
  void add_histogram(int64_t step, std::string_view tag, const Histogram& histogram);
  // For the Graphs tab: what to_graph_def() makes of it.
  void add_graph(const Graph& graph);

  const std::string& path() const { return file_.path(); }

 private:
  void write(int64_t step, int field, const ProtobufMessage& message);

  RecordFile file_;
};

// The paths of a folder's event files.
std::vector<std::string> event_files(const std::string& folder);

// The graph as a GraphDef (tensorflow/core/framework/graph.proto). A node's name is its path with
// slashes and its op: "layer1/0/conv2/conv2d"; of another pass than the forward one with the pass in
// front: "backward/layer1/0/conv2/conv2d_filter_gradient". Names met again have "_1" and so on
// behind them. States, inputs and constants are nodes too, what the optimiser keeps under "update/".
ProtobufMessage to_graph_def(const Graph& graph);

}  // namespace voluta
