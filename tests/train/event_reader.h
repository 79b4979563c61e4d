#pragma once

// Event files read back, by code that shares nothing with what writes them.

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace voluta {

template <class T>
T take(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) throw std::runtime_error("ends early");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

inline uint32_t masked_crc(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) * 0x82f63b78u);
  }
  return std::rotr(~crc, 15) + 0xa282ead8u;
}

// The records of a file. Throws for a wrong checksum and for a file that ends within a record.
inline std::vector<std::string> read_records(std::string_view file) {
  std::vector<std::string> records;
  while (!file.empty()) {
    const std::string_view head = file.substr(0, 8);
    const auto count = take<uint64_t>(file);
    if (take<uint32_t>(file) != masked_crc(head)) throw std::runtime_error("length's checksum");
    if (count > file.size()) throw std::runtime_error("ends early");
    const std::string_view record = file.substr(0, count);
    file.remove_prefix(count);
    if (take<uint32_t>(file) != masked_crc(record)) throw std::runtime_error("record's checksum");
    records.emplace_back(record);
  }
  return records;
}

// A message: what stands under each field's number, in order. Varints, doubles and floats as bits.
class Message {
 public:
  explicit Message(std::string_view bytes) {
    while (!bytes.empty()) {
      const uint64_t key = varint(bytes);
      Entry entry;
      switch (key & 7) {
        case 0:
          entry.bits = varint(bytes);
          break;
        case 1:
          entry.bits = take<uint64_t>(bytes);
          break;
        case 2:
          entry.bytes.resize(varint(bytes));
          if (entry.bytes.size() > bytes.size()) throw std::runtime_error("ends early");
          bytes.copy(entry.bytes.data(), entry.bytes.size());
          bytes.remove_prefix(entry.bytes.size());
          break;
        case 5:
          entry.bits = take<uint32_t>(bytes);
          break;
        default:
          throw std::runtime_error("no such wire type");
      }
      fields_[static_cast<int>(key >> 3)].push_back(entry);
    }
  }

  std::size_t count(int field) const {
    const auto found = fields_.find(field);
    return found == fields_.end() ? 0 : found->second.size();
  }
  bool has(int field) const { return count(field) > 0; }
  int64_t integer(int field) const { return static_cast<int64_t>(fields_.at(field).at(0).bits); }
  double real(int field) const { return std::bit_cast<double>(fields_.at(field).at(0).bits); }
  float real32(int field) const {
    return std::bit_cast<float>(static_cast<uint32_t>(fields_.at(field).at(0).bits));
  }
  std::string bytes(int field, std::size_t i = 0) const { return fields_.at(field).at(i).bytes; }
  Message message(int field, std::size_t i = 0) const {
    return Message(fields_.at(field).at(i).bytes);
  }
  std::vector<double> reals(int field) const {
    const std::string packed = bytes(field);
    std::string_view left = packed;
    std::vector<double> values;
    while (!left.empty()) values.push_back(take<double>(left));
    return values;
  }

 private:
  struct Entry {
    uint64_t bits = 0;
    std::string bytes;
  };

  static uint64_t varint(std::string_view& bytes) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = take<uint8_t>(bytes);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("a varint without end");
  }

  std::map<int, std::vector<Entry>> fields_;
};

// Every event of a file.
inline std::vector<Message> read_events(std::string_view file) {
  std::vector<Message> events;
  for (const std::string& record : read_records(file)) events.emplace_back(record);
  return events;
}

}  // namespace voluta
