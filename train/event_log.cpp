#include <voluta/io/file.h>
#include <voluta/train/event_log.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <ctime>
#include <filesystem>

namespace voluta {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

// Field numbers of the messages that we write.
namespace event {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kGraphDef = 4, kSummary = 5,
              kSessionLog = 7;
}
namespace session_log {
constexpr int kStatus = 1, kStart = 1;
}
namespace summary {
constexpr int kValue = 1;
}
namespace value {
constexpr int kTag = 1, kSimpleValue = 2, kImage = 4, kHistogram = 5;
}
namespace picture {
constexpr int kHeight = 1, kWidth = 2, kColourSpace = 3, kEncoded = 4, kRgb = 3;
}
namespace histo {
constexpr int kMin = 1, kMax = 2, kNumber = 3, kSum = 4, kSumOfSquares = 5, kBucketLimit = 6,
              kBucket = 7;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Letters, digits, '-' and '.', as a file's name may have them anywhere.
std::string host_name() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0 || buffer[0] == 0) return "localhost";
  std::string name = buffer.data();
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '.'; }, '_');
  return name;
}

void remove_old_files(const std::string& folder) {
  for (const std::string& path : event_files(folder)) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
}

// TensorBoard reads a folder's files in the order of their names, so a file of the same second gets
// the next one.
std::string new_path(const std::string& folder) {
  const std::string host = host_name();
  for (std::time_t second = std::time(nullptr);; ++second) {
    const std::string path =
        folder + "/" + std::string(kPrefix) + std::to_string(second) + "." + host;
    if (!std::filesystem::exists(path)) return path;
  }
}

ProtobufMessage event_at(int64_t step) {
  ProtobufMessage message;
  message.add_double(event::kWallTime, wall_time());
  if (step != 0) message.add_integer(event::kStep, step);
  return message;
}

ProtobufMessage one_value(std::string_view tag, int field, const ProtobufMessage& content) {
  return ProtobufMessage().add_message(
      summary::kValue, ProtobufMessage().add_bytes(value::kTag, tag).add_message(field, content));
}

}  // namespace

std::vector<std::string> event_files(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kPrefix)) found.push_back(entry.path());
  }
  return found;
}

EventLog::EventLog(const std::string& folder, int64_t first_step)
    : file_([&] {
        if (first_step <= 1) remove_old_files(folder);
        return new_path(folder);
      }()) {
  file_.append(event_at(0).add_bytes(event::kFileVersion, "brain.Event:2").bytes());
  if (first_step <= 1) return;
  write(first_step, event::kSessionLog,
        ProtobufMessage().add_integer(session_log::kStatus, session_log::kStart));
}

void EventLog::add_scalars(int64_t step, std::span<const Scalar> scalars) {
  ProtobufMessage message;
  for (const auto& [tag, number] : scalars) {
    message.add_message(summary::kValue,
                        ProtobufMessage()
                            .add_bytes(value::kTag, tag)
                            .add_float(value::kSimpleValue, static_cast<float>(number)));
  }
  write(step, event::kSummary, message);
}

void EventLog::add_image(int64_t step, std::string_view tag, const Image& image) {
  const std::vector<uint8_t> png = encode_png(image);
  const auto content =
      ProtobufMessage()
          .add_integer(picture::kHeight, image.height)
          .add_integer(picture::kWidth, image.width)
          .add_integer(picture::kColourSpace, picture::kRgb)
          .add_bytes(picture::kEncoded, {reinterpret_cast<const char*>(png.data()), png.size()});
  write(step, event::kSummary, one_value(tag, value::kImage, content));
}

void EventLog::add_histogram(int64_t step, std::string_view tag, const Histogram& h) {
  const auto content = ProtobufMessage()
                           .add_double(histo::kMin, h.least)
                           .add_double(histo::kMax, h.most)
                           .add_double(histo::kNumber, h.count)
                           .add_double(histo::kSum, h.sum)
                           .add_double(histo::kSumOfSquares, h.sum_of_squares)
                           .add_doubles(histo::kBucketLimit, h.edges)
                           .add_doubles(histo::kBucket, h.counts);
  write(step, event::kSummary, one_value(tag, value::kHistogram, content));
}

void EventLog::add_graph(const Graph& graph) {
  write(0, event::kGraphDef, to_graph_def(graph));
}

void EventLog::write(int64_t step, int field, const ProtobufMessage& message) {
  file_.append(event_at(step).add_message(field, message).bytes());
}

}  // namespace voluta
