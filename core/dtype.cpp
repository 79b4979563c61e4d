#include <voluta/core/dtype.h>
#include <voluta/core/error.h>

#include <string>

namespace voluta {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t bytes;
};
constexpr Row kTable[] = {{DType::f64, "f64", 8}, {DType::f32, "f32", 4}, {DType::bf16, "bf16", 2},
                          {DType::f16, "f16", 2}, {DType::i64, "i64", 8}, {DType::i32, "i32", 4},
                          {DType::u8, "u8", 1}};

const Row& row(DType dtype) {
  return kTable[static_cast<int>(dtype)];
}

}  // namespace

std::size_t size_of(DType dtype) {
  return row(dtype).bytes;
}

std::string_view name_of(DType dtype) {
  return row(dtype).name;
}

DType parse_dtype(std::string_view name) {
  std::string known;
  for (const Row& r : kTable) {
    if (r.name == name) return r.dtype;
    known += known.empty() ? "" : ", ";
    known += r.name;
  }
  invalid("dtype '" + std::string(name) + "' is unknown; known are " + known);
}

bool is_floating(DType dtype) {
  return dtype <= DType::f16;
}

double unit_roundoff(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x1p-53;
    case DType::f32:
      return 0x1p-24;
    case DType::bf16:
      return 0x1p-8;
    case DType::f16:
      return 0x1p-11;
    default:
      fail_not_floating(dtype);
  }
}

void fail_not_floating(DType dtype) {
  invalid("dtype " + std::string(name_of(dtype)) + " where a floating type is needed");
}

}  // namespace voluta
