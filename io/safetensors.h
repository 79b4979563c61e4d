#pragma once

// safetensors: named tensors in one file, as huggingface/safetensors defines it: a u64 length, a
// JSON header of that length, then the tensors' bytes without holes. The reader is strict, because
// weights come from strangers: what it accepts, every other reader accepts too.

#include <voluta/core/tensor.h>

#include <map>
#include <string>

namespace voluta {

struct TensorFile {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;

  bool has(const std::string& name) const { return tensors.contains(name); }
};

// Types: F64 F32 BF16 F16 I64 I32 U8. Tensors stand as the file has them (PyTorch's layout; see
// io/layout.h). Throws kFailed, naming the path, for anything malformed: a header longer than the
// file or 100 MB, JSON that is not exactly of the format's form, duplicate names, types or sizes
// that disagree, overlaps, holes, trailing bytes. Nothing is allocated beyond the file's own size.
TensorFile read_safetensors(const std::string& path);

// Writes atomically. Tensors go by falling element size, then by name, so that each is aligned and
// equal contents give equal files.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace voluta
