#pragma once

// Protocol buffers, written field by field: no schema, no generated code. Source: "Encoding",
// protobuf.dev/programming-guides/encoding.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace voluta {

// One message. Fields are numbered from 1 and stand in the order of the calls; a repeated field is
// called for each of its elements.
class ProtobufMessage {
 public:
  ProtobufMessage& add_integer(int field, int64_t value);  // int32, int64, uint64, bool, enum
  ProtobufMessage& add_float(int field, float value);
  ProtobufMessage& add_double(int field, double value);
  ProtobufMessage& add_bytes(int field, std::string_view bytes);  // bytes, string
  ProtobufMessage& add_message(int field, const ProtobufMessage& message);
  ProtobufMessage& add_doubles(int field, std::span<const double> values);  // repeated, packed

  const std::string& bytes() const { return bytes_; }

 private:
  enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

  void put_key(int field, WireType type);
  void put_varint(uint64_t value);
  template <class T>
  void put_fixed(T bits);  // little-endian

  std::string bytes_;
};

}  // namespace voluta
