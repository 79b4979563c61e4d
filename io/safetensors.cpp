#include <voluta/core/error.h>
#include <voluta/io/atomic_file.h>
#include <voluta/io/file.h>
#include <voluta/io/safetensors.h>
#include <voluta/io/safetensors_header.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

namespace voluta {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr uint64_t kMostHeaderBytes = 100'000'000;
constexpr uint64_t kLengthBytes = 8;

std::string header_json(const std::vector<const std::pair<const std::string, Tensor>*>& order,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t position = 0;
  for (const auto* item : order) {
    const Tensor& tensor = item->second;
    const auto extents = tensor.shape().extents();
    header[item->first] = {{"dtype", safetensors_name(tensor.dtype())},
                           {"shape", std::vector<int64_t>(extents.begin(), extents.end())},
                           {"data_offsets", {position, position + tensor.bytes()}}};
    position += tensor.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data behind begins aligned
  return text;
}

// torch.save() writes a zip archive, and once wrote a pickle. Read as a length both are far too long.
void refuse_pytorch(const std::string& path, const std::array<char, kLengthBytes>& start) {
  using namespace std::string_view_literals;
  const std::string_view bytes(start.data(), start.size());
  const bool pickle = bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  if (!bytes.starts_with("PK\x03\x04"sv) && !pickle) return;
  fail_at(path,
          "is a file of PyTorch's torch.save(); convert it to "
          "safetensors: python3 -c \"import torch, safetensors.torch as s; "
          "s.save_file({k: v.contiguous() for k, v in torch.load('FILE', 'cpu', "
          "weights_only=True).items()}, 'FILE.safetensors')\"");
}

}  // namespace

TensorFile read_safetensors(const std::string& path) {
  const InputFile input(path);
  if (input.bytes() < kLengthBytes) {
    fail_at(path, fmt::format("is no safetensors file: it has {} bytes", input.bytes()));
  }
  std::array<char, kLengthBytes> length_bytes{};
  input.read_at(0, length_bytes.data(), kLengthBytes);
  const auto length = std::bit_cast<uint64_t>(length_bytes);
  if (length > input.bytes() - kLengthBytes || length > kMostHeaderBytes) {
    refuse_pytorch(path, length_bytes);
    fail_at(path, fmt::format("claims a header of {} bytes in a file of {}: it is truncated or no "
                              "safetensors file",
                              length, input.bytes()));
  }
  std::string json(length, '\0');
  input.read_at(kLengthBytes, json.data(), length);
  const uint64_t data = kLengthBytes + length;
  SafetensorsHeader header = parse_safetensors_header(json, input.bytes() - data, path);

  TensorFile file;
  file.metadata = std::move(header.metadata);
  for (const SafetensorsEntry& entry : header.entries) {
    Tensor tensor(entry.type);
    input.read_at(data + entry.begin, tensor.raw(), tensor.bytes());
    file.tensors.emplace(entry.name, std::move(tensor));
  }
  return file;
}

void write_safetensors(const std::string& path, const TensorFile& file) {
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& item : file.tensors) order.push_back(&item);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [](const auto* item) { return size_of(item->second.dtype()); });
  const std::string json = header_json(order, file.metadata);
  const uint64_t length = json.size();
  AtomicFile output(path);
  output.write(&length, sizeof length);
  output.write(json);
  for (const auto* item : order) output.write(item->second.raw(), item->second.bytes());
  output.commit();
}

}  // namespace voluta
