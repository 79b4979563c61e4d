#pragma once

// The JSON header of a safetensors file, parsed and checked. Internal to io/.

#include <voluta/core/tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace voluta {

struct SafetensorsEntry {
  std::string name;
  TensorType type;
  uint64_t begin = 0, end = 0;  // bytes, from the end of the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // by offset: each begins where the one before ends
  std::map<std::string, std::string> metadata;
};

// `path` is for messages; the tensors must fill `data_bytes` exactly.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_bytes,
                                           const std::string& path);

std::string_view safetensors_name(DType dtype);  // "F32"

}  // namespace voluta
