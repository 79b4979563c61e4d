// The safetensors reader: round trips, the hand-made corpus of hostile headers, and every
// truncation and bit flip of a small file.

#include <gtest/gtest.h>
#include <voluta/io/safetensors.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

std::string little_endian(uint64_t value) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  return bytes;
}

std::string with_header(const std::string& json, const std::string& data) {
  return little_endian(json.size()) + json + data;
}

// A header with one tensor "a" of these fields.
std::string one(const std::string& fields) {
  return "{\"a\":{" + fields + "}}";
}

const std::string kGood = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
const std::string kEight(8, '\0');

class Safetensors : public ::testing::Test {
 protected:
  TensorFile read(const std::string& bytes) {
    write_bytes(path_, bytes);
    return read_safetensors(path_);
  }
  void expect_refused(const std::string& bytes, const std::string& why) {
    SCOPED_TRACE(why + " in " + bytes.substr(0, 200));
    expect_error(ErrorKind::kFailed, {path_, why}, [&] { read(bytes); });
  }
  void expect_header_refused(const std::string& json, const std::string& why) {
    expect_refused(with_header(json, kEight), why);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "w.safetensors";
};

TEST_F(Safetensors, ReadsWhatItWrites) {
  TensorFile file;
  for (const DType dtype :
       {DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8}) {
    Tensor tensor(dtype, {2, 3});
    auto* bytes = static_cast<uint8_t*>(tensor.raw());
    for (std::size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 1);
    file.tensors["t." + std::string(name_of(dtype))] = tensor;
  }
  file.tensors["scalar"] = Tensor(DType::f32, {});
  file.tensors["empty"] = Tensor(DType::f32, {3, 0});
  file.tensors["name \"quoted\" \xc3\xa9"] = Tensor(DType::u8, {1});
  file.metadata = {{"format", "pt"}, {"note", "line\nbreak"}};
  write_safetensors(path_, file);

  const TensorFile back = read_safetensors(path_);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    ASSERT_TRUE(back.has(name)) << name;
    const Tensor& other = back.tensors.at(name);
    EXPECT_EQ(other.type(), tensor.type()) << name;
    EXPECT_EQ(std::memcmp(other.raw(), tensor.raw(), tensor.bytes()), 0) << name;
  }
  const std::string first = read_bytes(path_);
  write_safetensors(path_, back);
  EXPECT_EQ(read_bytes(path_), first) << "equal contents must give equal files";
  EXPECT_EQ(folder_.entries(), 1u);
}

TEST_F(Safetensors, AlignsItsTensors) {
  TensorFile file;
  file.tensors["a"] = Tensor(DType::u8, {3});
  file.tensors["b"] = Tensor(DType::f64, {1});
  write_safetensors(path_, file);
  const std::string bytes = read_bytes(path_);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_NE(bytes.find(R"("b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})"),
            std::string::npos);
}

TEST_F(Safetensors, AcceptsWhatTheFormatAllows) {
  EXPECT_EQ(read(with_header("{}", "")).tensors.size(), 0u);
  EXPECT_EQ(read(with_header("  " + one(kGood) + "   ", kEight)).tensors.size(), 1u);
  EXPECT_EQ(read(with_header(R"({"__metadata__":{"k":"v"},"a":{)" + kGood + "}}", kEight))
                .metadata.at("k"),
            "v");
  // Fields in another order, and data at an odd offset of the file.
  EXPECT_EQ(
      read(with_header(one(R"("data_offsets":[0,8], "shape":[2],"dtype":"F32")") + " ", kEight))
          .tensors.at("a")
          .elements(),
      2);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::string payload(8, '\0');
  std::memcpy(payload.data(), &nan, 4);
  EXPECT_TRUE(std::isnan(read(with_header(one(kGood), payload)).tensors.at("a").data<float>()[0]));
}

TEST_F(Safetensors, RefusesBadLengths) {
  expect_refused("", "0 bytes");
  expect_refused("1234567", "7 bytes");
  for (const uint64_t length :
       {uint64_t{1} << 31, uint64_t{1} << 63, ~uint64_t{0}, uint64_t{100'000'001}, uint64_t{1}}) {
    expect_refused(little_endian(length), "claims a header");
  }
  expect_refused(little_endian(0), "does not begin with '{'");
  expect_refused(little_endian(3) + "{}", "claims a header");
}

TEST_F(Safetensors, SaysHowToConvertPyTorchsFiles) {
  using namespace std::string_literals;
  for (const std::string& start : {"PK\x03\x04\0\0\x08\x08"s, "\x80\x02\x8a\nl\xfc\x9c\x46"s}) {
    expect_refused(start + std::string(1000, 'x'),
                   "torch.save(); convert it to safetensors: python3");
  }
}

TEST_F(Safetensors, RefusesBadJson) {
  expect_header_refused("[]", "does not begin with '{'");
  expect_header_refused("    ", "does not begin with '{'");
  expect_header_refused("\xef\xbb\xbf{}", "does not begin with '{'");
  expect_header_refused("{", "not valid JSON");
  expect_header_refused("{}{}", "not valid JSON");
  expect_header_refused("{\"a\xff\":1}", "not valid JSON");
  expect_header_refused(one(kGood + ","), "not valid JSON");
  expect_header_refused(std::string("{\0}", 3), "not valid JSON");
  expect_header_refused("{\"a\":" + std::string(10000, '['), "an array");
  std::string deep = "{\"a\":";
  for (int i = 0; i < 10000; ++i) deep += "{\"a\":";
  expect_header_refused(deep, "unknown field");
}

TEST_F(Safetensors, RefusesDuplicates) {
  expect_header_refused("{\"a\":{" + kGood + "},\"a\":{" + kGood + "}}", "stands twice");
  expect_header_refused("{\"a\":{" + kGood + "},\"\\u0061\":{" + kGood + "}}", "stands twice");
  expect_header_refused(one(kGood + R"(,"dtype":"F32")"), "two fields 'dtype'");
  expect_header_refused(one(kGood + R"(,"shape":[2])"), "two fields 'shape'");
  expect_header_refused(R"({"__metadata__":{},"__metadata__":{}})", "stands twice");
  expect_header_refused(R"({"__metadata__":{"k":"1","k":"2"}})", "stands twice");
}

TEST_F(Safetensors, RefusesBadFields) {
  expect_header_refused(R"({"a":1})", "a number");
  expect_header_refused(R"({"a":null})", "null");
  expect_header_refused(R"({"__metadata__":{"k":1}})", "a number");
  expect_header_refused(R"({"__metadata__":{"k":{}}})", "an object");
  expect_header_refused(R"({"__metadata__":"text"})", "a string");
  expect_header_refused(one(R"("dtype":"F32","shape":[2])"), "lacks");
  expect_header_refused(one(R"("dtype":"F32","data_offsets":[0,8])"), "lacks");
  expect_header_refused(one(R"("shape":[2],"data_offsets":[0,8])"), "lacks");
  expect_header_refused(one(kGood + R"(,"extra":1)"), "unknown field 'extra'");
  expect_header_refused(one(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])"), "dtype 'f32'");
  expect_header_refused(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])"), "dtype 'F4'");
  expect_header_refused(one(R"("dtype":1,"shape":[2],"data_offsets":[0,8])"), "a number");
  expect_header_refused("{\"a\\u0000b\":{" + kGood + "}}", "NUL");
}

TEST_F(Safetensors, RefusesBadShapes) {
  const auto shape = [](const std::string& text) {
    return one(R"("dtype":"F32","shape":)" + text + R"(,"data_offsets":[0,8])");
  };
  expect_header_refused(shape("[-2]"), "a negative number");
  expect_header_refused(shape("[2.0]"), "not a whole one");
  expect_header_refused(shape("[2e0]"), "not a whole one");
  expect_header_refused(shape("2"), "a number");
  expect_header_refused(shape("[\"2\"]"), "a string");
  expect_header_refused(shape("[[2]]"), "an array");
  expect_header_refused(shape("[9223372036854775808]"), "beyond 2^63");
  expect_header_refused(shape("[18446744073709551616]"), "not a whole one");
  expect_header_refused(shape("[4294967296,4294967296]"), "no usable shape");
  expect_header_refused(shape("[4611686018427387904]"), "no usable shape");  // x 4 is 0 in 64 bits
  expect_header_refused(shape("[576460752303423489]"), "no usable shape");
  expect_header_refused(shape("[576460752303423488]"), "does not take");
  expect_header_refused(shape("[1,1,1,1,1,1,1,2]"), "extents");
  expect_header_refused(shape("[3]"), "does not take the 8 bytes");
  std::string many = "[1";
  for (int i = 0; i < 10000; ++i) many += ",1";
  expect_header_refused(shape(many + "]"), "extents");
}

TEST_F(Safetensors, RefusesBadOffsets) {
  const auto offsets = [](const std::string& text) {
    return one(R"("dtype":"U8","shape":[4],"data_offsets":)" + text);
  };
  expect_header_refused(offsets("[0]"), "two data_offsets");
  expect_header_refused(offsets("[0,4,8]"), "more than two");
  expect_header_refused(offsets("[-4,0]"), "a negative number");
  expect_header_refused(offsets("[4,0]"), "ends before it begins");
  expect_header_refused(offsets("[0,18446744073709551615]"), "does not take");
  expect_header_refused(offsets("[18446744073709551612,18446744073709551616]"), "whole one");
  expect_header_refused(offsets("[4,8]"), "begins at byte 4 where 0");  // a hole at the start
  expect_header_refused(offsets("[0,4]"), "describes 4 bytes");         // trailing bytes
  expect_refused(with_header(offsets("[0,4]"), "abc"),
                 "tensor 'a' ends at byte 4 of the data, and the file holds 3");
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  expect_header_refused(two("[0,4]", "[2,6]"), "overlap");
  expect_header_refused(two("[0,4]", "[0,4]"), "overlap");
  expect_refused(with_header(two("[0,4]", "[5,9]"), std::string(9, 'x')), "holes");
}

TEST_F(Safetensors, ShortensWhatItQuotes) {
  expect_header_refused("{\"" + std::string(1 << 20, 'n') + "\":1}", "...");
}

TEST_F(Safetensors, SurvivesEveryTruncationAndFlip) {
  const std::string good = with_header(
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}} )",
      "12345678abc");
  ASSERT_EQ(read(good).tensors.size(), 2u);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_THROW(read(good.substr(0, size)), Error) << "prefix of " << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      try {
        read(flipped);  // a changed name, note or element is still a valid file
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace voluta
