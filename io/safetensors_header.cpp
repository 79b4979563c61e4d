#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/io/safetensors_header.h>

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace voluta {
namespace {

struct DTypeName {
  DType dtype;
  std::string_view name;
};
constexpr DTypeName kDTypes[] = {{DType::f64, "F64"}, {DType::f32, "F32"}, {DType::bf16, "BF16"},
                                 {DType::f16, "F16"}, {DType::i64, "I64"}, {DType::i32, "I32"},
                                 {DType::u8, "U8"}};

// Takes the parser's events and accepts one form only:
//   { "__metadata__": {string: string, ...}, name: {"dtype": string, "shape": [unsigned, ...],
//     "data_offsets": [unsigned, unsigned]}, ... }
// No document is built, so a header cannot blow up in memory, and any depth beyond three is refused
// where it begins.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(const std::string& path, SafetensorsHeader& header) : path_(path), header_(header) {}

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return refuse("a number that is not a whole one");
  }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::kShape) {
      if (shape_->size() >= Shape::kMaxRank) {
        fail_entry(fmt::format("has more than {} extents", Shape::kMaxRank));
      }
      if (value > static_cast<uint64_t>(INT64_MAX)) fail_entry("has an extent beyond 2^63");
      shape_->push_back(static_cast<int64_t>(value));
    } else if (state_ == State::kOffsets) {
      if (offsets_->size() == 2) fail_entry("has more than two data_offsets");
      offsets_->push_back(value);
    } else {
      return refuse("a number");
    }
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::kMetadata) {
      header_.metadata[field_] = value;
    } else if (state_ == State::kEntry && field_ == "dtype") {
      const auto* found = std::ranges::find(kDTypes, std::string_view(value), &DTypeName::name);
      if (found == std::end(kDTypes)) fail_entry("has the unsupported dtype " + quote(value));
      dtype_ = found->dtype;
    } else {
      return refuse("a string");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::kStart:
        state_ = State::kTop;
        return true;
      case State::kTop:
        if (name_ == "__metadata__") {
          state_ = State::kMetadata;
        } else {
          state_ = State::kEntry;
          dtype_.reset();
          shape_.reset();
          offsets_.reset();
        }
        return true;
      default:
        return refuse("an object");
    }
  }

  bool end_object() override {
    if (state_ == State::kEntry) finish_entry();
    state_ = State::kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ == State::kEntry && field_ == "shape") {
      shape_.emplace();
      state_ = State::kShape;
    } else if (state_ == State::kEntry && field_ == "data_offsets") {
      offsets_.emplace();
      state_ = State::kOffsets;
    } else {
      return refuse("an array");
    }
    return true;
  }

  bool end_array() override {
    state_ = State::kEntry;
    return true;
  }

  bool key(string_t& value) override {
    if (value.find('\0') != std::string::npos) fail_at(path_, "a name in the header has a NUL");
    if (state_ == State::kTop) {
      name_ = value;
      if (!names_.insert(value).second) fail_entry("stands twice in the header");
      return true;
    }
    field_ = value;
    if (state_ == State::kMetadata) {
      if (header_.metadata.contains(value)) {
        fail_at(path_, "metadata " + quote(value) + " stands twice in the header");
      }
      return true;
    }
    if (value != "dtype" && value != "shape" && value != "data_offsets") {
      fail_entry("has the unknown field " + quote(value));
    }
    if ((value == "dtype" && dtype_) || (value == "shape" && shape_) ||
        (value == "data_offsets" && offsets_)) {
      fail_entry("has two fields " + quote(value));
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail_at(path_, fmt::format("the header is not valid JSON at byte {}", position));
  }

 private:
  enum class State { kStart, kTop, kMetadata, kEntry, kShape, kOffsets };

  bool refuse(std::string_view what) {
    const std::string where = state_ == State::kStart ? "at its start" : "at " + quote(name_);
    fail_at(path_, fmt::format("the header has {} {} where the format has none", what, where));
  }
  [[noreturn]] void fail_entry(const std::string& what) {
    fail_at(path_, "tensor " + quote(name_) + " " + what);
  }

  void finish_entry() {
    if (!dtype_ || !shape_ || !offsets_) fail_entry("lacks dtype, shape or data_offsets");
    if (offsets_->size() != 2) fail_entry("needs two data_offsets");
    SafetensorsEntry entry{.name = name_, .begin = (*offsets_)[0], .end = (*offsets_)[1]};
    try {
      entry.type = {*dtype_, Shape(*shape_)};
    } catch (const Error& error) {
      fail_entry(std::string("has no usable shape: ") + error.what());
    }
    if (entry.begin > entry.end) fail_entry("ends before it begins");
    const auto elements = static_cast<uint64_t>(entry.type.shape.elements());
    uint64_t bytes = 0;
    const bool overflow =
        __builtin_mul_overflow(elements, uint64_t{size_of(entry.type.dtype)}, &bytes);
    if (overflow || bytes != entry.end - entry.begin) {
      fail_entry(fmt::format("is {}, which does not take the {} bytes of its data_offsets",
                             to_string(entry.type), entry.end - entry.begin));
    }
    header_.entries.push_back(std::move(entry));
  }

  const std::string& path_;
  SafetensorsHeader& header_;
  State state_ = State::kStart;
  std::string name_, field_;
  std::set<std::string> names_;
  std::optional<DType> dtype_;
  std::optional<std::vector<int64_t>> shape_;
  std::optional<std::vector<uint64_t>> offsets_;
};

void check_contiguous(SafetensorsHeader& header, uint64_t data_bytes, const std::string& path) {
  std::ranges::sort(header.entries, [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t position = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != position) {
      fail_at(path, fmt::format("tensor {} begins at byte {} where {} is due: tensors may neither "
                                "overlap nor leave holes",
                                quote(entry.name), entry.begin, position));
    }
    position = entry.end;
    if (position > data_bytes) {
      fail_at(path, fmt::format("tensor {} ends at byte {} of the data, and the file holds {}: it "
                                "is truncated",
                                quote(entry.name), position, data_bytes));
    }
  }
  if (position != data_bytes) {
    fail_at(path, fmt::format("the header describes {} bytes of tensors, the file holds {}",
                              position, data_bytes));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_bytes,
                                           const std::string& path) {
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || json[first] != '{') {
    fail_at(path, "the header does not begin with '{'; is it a safetensors file?");
  }
  SafetensorsHeader header;
  HeaderReader reader(path, header);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  check_contiguous(header, data_bytes, path);
  return header;
}

std::string_view safetensors_name(DType dtype) {
  return std::ranges::find(kDTypes, dtype, &DTypeName::dtype)->name;
}

}  // namespace voluta
