// Event files hold what they were given, field by field; no flipped bit goes unnoticed.

#include <gtest/gtest.h>
#include <voluta/io/checksum.h>
#include <voluta/train/event_log.h>
#include <voluta/train/step.h>

#include <cmath>
#include <limits>
#include <set>

#include "io/temporary_folder.h"
#include "train/event_reader.h"

namespace voluta {
namespace {

// Fields of Event and of Summary.Value.
constexpr int kStep = 2, kFileVersion = 3, kGraphDef = 4, kSummary = 5, kSessionLog = 7;
constexpr int kTag = 1, kSimpleValue = 2, kImage = 4, kHistogram = 5;

std::vector<Message> events_of(const EventLog& log) {
  return read_events(read_bytes(log.path()));
}

TEST(ChecksumTest, Crc32cOfKnownBytes) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283u);                    // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(nullptr, 0), 0u);
}

TEST(ProtobufTest, IntegersOfEveryLength) {
  ProtobufMessage message;
  const std::vector<int64_t> values{0,  1,         127,      128, 300, int64_t{1} << 35,
                                    -1, INT64_MAX, INT64_MIN};
  for (std::size_t i = 0; i < values.size(); ++i) {
    message.add_integer(static_cast<int>(i) * 7 + 1, values[i]);
  }
  const Message read(message.bytes());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(read.integer(static_cast<int>(i) * 7 + 1), values[i]);
  }
  // The examples of the format's description.
  EXPECT_EQ(ProtobufMessage().add_integer(1, 150).bytes(), "\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().add_bytes(2, "testing").bytes(), "\x12\x07testing");
}

TEST(EventLogTest, ScalarsComeBack) {
  const TemporaryFolder folder;
  EventLog log(folder.path(), 1);
  const EventLog::Scalar scalars[] = {{"loss/train", 0.1}, {"lr", -2.5e-7}};
  log.add_scalars(7, scalars);
  log.add_scalars(int64_t{1} << 40, {{{"loss/train", std::nan("")}}});

  const std::vector<Message> events = events_of(log);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].bytes(kFileVersion), "brain.Event:2");
  EXPECT_GT(events[0].real(1), 1.7e9);  // seconds since 1970
  EXPECT_EQ(events[1].integer(kStep), 7);
  const Message summary = events[1].message(kSummary);
  ASSERT_EQ(summary.count(1), 2u);
  EXPECT_EQ(summary.message(1, 0).bytes(kTag), "loss/train");
  EXPECT_EQ(summary.message(1, 0).real32(kSimpleValue), 0.1f);
  EXPECT_EQ(summary.message(1, 1).bytes(kTag), "lr");
  EXPECT_EQ(summary.message(1, 1).real32(kSimpleValue), -2.5e-7f);
  EXPECT_EQ(events[2].integer(kStep), int64_t{1} << 40);
  EXPECT_TRUE(std::isnan(events[2].message(kSummary).message(1).real32(kSimpleValue)));
}

TEST(EventLogTest, ImagesComeBack) {
  const TemporaryFolder folder;
  EventLog log(folder.path(), 1);
  const Image image{1, 2, {1, 2, 3, 250, 251, 252}};
  log.add_image(3, "mistakes", image);
  const Message value = events_of(log).at(1).message(kSummary).message(1);
  EXPECT_EQ(value.bytes(kTag), "mistakes");
  EXPECT_EQ(value.message(kImage).integer(1), 1);
  EXPECT_EQ(value.message(kImage).integer(2), 2);
  const std::string png = value.message(kImage).bytes(4);
  EXPECT_EQ(decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, "png").rgb,
            image.rgb);
}

TEST(EventLogTest, HistogramsComeBack) {
  const TemporaryFolder folder;
  EventLog log(folder.path(), 1);
  Tensor values(DType::f32, {8});
  const float numbers[] = {-1, -0.9f, 0, 0.2f, 1, 1, NAN, INFINITY};
  std::ranges::copy(numbers, values.data<float>().begin());
  log.add_histogram(3, "conv/weight", histogram(values, 4));
  const Message h = events_of(log).at(1).message(kSummary).message(1).message(kHistogram);
  EXPECT_EQ(h.real(1), -1);
  EXPECT_EQ(h.real(2), 1);
  EXPECT_EQ(h.real(3), 6);
  EXPECT_FLOAT_EQ(h.real(4), 0.3f);
  EXPECT_FLOAT_EQ(h.real(5), 3.85f);
  EXPECT_EQ(h.reals(6), (std::vector<double>{-0.5, 0, 0.5, 1}));
  EXPECT_EQ(h.reals(7), (std::vector<double>{2, 0, 2, 2}));
}

TEST(HistogramTest, OfEqualValuesAndOfNone) {
  Tensor values(DType::f32, {3});
  const Histogram zeros = histogram(values, 30);
  EXPECT_EQ(zeros.edges, std::vector<double>{0});
  EXPECT_EQ(zeros.counts, std::vector<double>{3});
  for (float& value : values.data<float>()) value = NAN;
  const Histogram none = histogram(values, 30);
  EXPECT_EQ(none.count, 0);
  EXPECT_EQ(none.not_finite, 3);
  EXPECT_TRUE(none.counts.empty());
  // A range that a float cannot hold.
  values.data<float>()[0] = -std::numeric_limits<float>::max();
  values.data<float>()[1] = std::numeric_limits<float>::max();
  EXPECT_EQ(histogram(values, 2).counts, (std::vector<double>{1, 1}));
}

TEST(EventLogTest, EveryFlippedBitIsNoticed) {
  const TemporaryFolder folder;
  EventLog log(folder.path(), 5);
  log.add_scalars(7, {{{"loss/train", 0.1}}});
  std::string file = read_bytes(log.path());
  ASSERT_EQ(read_records(file).size(), 3u);
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ 1 << bit % 8);
    EXPECT_THROW(read_records(file), std::runtime_error) << bit;
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ 1 << bit % 8);
  }
}

TEST(EventLogTest, AResumedRunOpensAnotherFileAndSaysWhereItBegins) {
  const TemporaryFolder folder;
  const EventLog old(folder.path(), 1);
  const EventLog fresh(folder.path(), 1);
  EXPECT_EQ(folder.entries(), 1u);  // a fresh run replaces the one before
  EXPECT_EQ(events_of(fresh).size(), 1u);

  const EventLog resumed(folder.path(), 42);
  EXPECT_EQ(folder.entries(), 2u);
  EXPECT_LT(fresh.path(), resumed.path());  // TensorBoard goes by the names
  const std::vector<Message> events = events_of(resumed);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].bytes(kFileVersion), "brain.Event:2");
  EXPECT_EQ(events[1].integer(kStep), 42);
  EXPECT_EQ(events[1].message(kSessionLog).integer(1), 1);  // START
}

TEST(EventLogTest, RefusesAFolderThatIsNotThere) {
  expect_error(ErrorKind::kFailed, {"nowhere/", "cannot be written", "No such file"},
               [] { EventLog("/nowhere", 1); });
}

// Every edge of the graph leads from a node to a node, under names that are met once.
TEST(EventLogTest, TheGraphIsWholeAndNamed) {
  const TemporaryFolder folder;
  EventLog log(folder.path(), 1);
  const StepGraph step = training_step(
      {.model = &find_model("resnet20"), .image = {32, 32, 3}, .classes = 10, .batch = 2});
  log.add_graph(step.graph);
  const Message graph(events_of(log).at(1).bytes(kGraphDef));
  std::map<std::string, std::size_t> outputs;  // the largest number an edge may have
  std::set<std::string> ops;
  std::size_t edges = 0;
  for (std::size_t i = 0; i < graph.count(1); ++i) {
    const Message node = graph.message(1, i);
    const Message shapes = node.message(5, 0).message(2).message(1);
    EXPECT_EQ(node.message(5, 0).bytes(1), "_output_shapes");
    for (std::size_t k = 0; node.has(3) && k < node.count(3); ++k, ++edges) {
      const std::string input = node.bytes(3, k);
      const std::size_t colon = input.find(':');
      const std::string name = input.substr(0, colon);
      const std::size_t number =
          colon == std::string::npos ? 0 : std::stoul(input.substr(colon + 1));
      ASSERT_TRUE(outputs.contains(name)) << input;
      EXPECT_LT(number, outputs[name]) << input;
    }
    EXPECT_TRUE(outputs.emplace(node.bytes(1), shapes.count(7)).second) << node.bytes(1);
    ops.insert(node.bytes(2));
  }
  std::size_t sources = 0, inputs = 0;
  for (const ValueInfo& info : step.graph.values()) sources += info.kind != ValueKind::kComputed;
  for (const Node& node : step.graph.nodes()) inputs += node.inputs.size();
  EXPECT_EQ(graph.count(1), sources + step.graph.nodes().size());
  EXPECT_EQ(edges, inputs);
  EXPECT_TRUE(outputs.contains("layer1/0/conv1/conv2d"));
  EXPECT_TRUE(outputs.contains("layer1/0/conv1/weight"));
  EXPECT_TRUE(outputs.contains("backward/layer1/0/conv1/conv2d_filter_gradient"));
  for (const char* op : {"input", "parameter", "buffer", "conv2d"}) EXPECT_TRUE(ops.contains(op));
}

}  // namespace
}  // namespace voluta
