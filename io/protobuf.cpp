#include <voluta/io/protobuf.h>

#include <bit>

namespace voluta {

ProtobufMessage& ProtobufMessage::add_integer(int field, int64_t value) {
  put_key(field, kVarint);
  put_varint(static_cast<uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_float(int field, float value) {
  put_key(field, kFixed32);
  put_fixed(std::bit_cast<uint32_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_double(int field, double value) {
  put_key(field, kFixed64);
  put_fixed(std::bit_cast<uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::add_bytes(int field, std::string_view bytes) {
  put_key(field, kLength);
  put_varint(bytes.size());
  bytes_ += bytes;
  return *this;
}

ProtobufMessage& ProtobufMessage::add_message(int field, const ProtobufMessage& message) {
  return add_bytes(field, message.bytes());
}

ProtobufMessage& ProtobufMessage::add_doubles(int field, std::span<const double> values) {
  put_key(field, kLength);
  put_varint(values.size_bytes());
  for (const double value : values) put_fixed(std::bit_cast<uint64_t>(value));
  return *this;
}

void ProtobufMessage::put_key(int field, WireType type) {
  put_varint(static_cast<uint64_t>(field) << 3 | type);
}

// Seven bits a byte, the lowest first; the top bit says that more follow.
void ProtobufMessage::put_varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}

template <class T>
void ProtobufMessage::put_fixed(T bits) {
  for (std::size_t i = 0; i < sizeof bits; ++i) bytes_ += static_cast<char>(bits >> 8 * i);
}

}  // namespace voluta
