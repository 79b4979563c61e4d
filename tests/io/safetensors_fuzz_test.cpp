// Mutants of a valid safetensors file, and what hostile files may take of memory.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <voluta/core/random.h>
#include <voluta/io/safetensors.h>
#include <voluta/io/safetensors_header.h>

#include <cstring>
#include <fstream>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

const std::string kHeader =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
    R"("n":{"dtype":"I64","shape":[],"data_offsets":[32,40]}})";
constexpr uint64_t kDataBytes = 40;

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, 'x');
}

// Pieces that mean something to the format, or that should.
const char* const kPieces[] = {"{",         "}",      "[",       "]",
                               ",",         ":",      "\"",      "\\u0061",
                               "null",      "-1",     "1e3",     "18446744073709551615",
                               "2.5",       "\xff",   "\"F8\"",  "4611686018427387904",
                               "\"a\":",    "[[[[",   "{\"a\":", "\"data_offsets\":[0,24]",
                               "\"shape\"", "\"U8\"", "9",       "\"__metadata__\""};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed, 0) {}

  std::string mutant(std::string text) {
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) edit(text);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) {
    return static_cast<std::size_t>(random_.next_u32()) % limit;
  }

  void edit(std::string& text) {
    if (text.empty()) text = " ";
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        text.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      case 3:  // a slice stands twice
        text.insert(below(text.size()), text.substr(at, 1 + below(60)));
        break;
      case 4: {  // another digit
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + below(10));
        break;
      }
      default:
        text.resize(at);
    }
  }

  Random random_;
};

// Either an error of one line that names the file, or tensors that fill the data exactly.
TEST(SafetensorsFuzz, MutantsOfTheHeader) {
  int accepted = 0;
  Mutator mutator(1);
  for (int i = 0; i < 10000; ++i) {
    const std::string header = mutator.mutant(kHeader);
    try {
      const SafetensorsHeader parsed =
          parse_safetensors_header(header, kDataBytes, "w.safetensors");
      uint64_t position = 0;
      for (const SafetensorsEntry& entry : parsed.entries) {
        ASSERT_EQ(entry.begin, position) << header;
        ASSERT_EQ(entry.end - entry.begin, entry.type.bytes()) << header;
        position = entry.end;
      }
      ASSERT_EQ(position, kDataBytes) << header;
      ++accepted;
    } catch (const Error& error) {
      const std::string message = error.what();
      ASSERT_EQ(error.kind(), ErrorKind::kFailed) << message;
      ASSERT_TRUE(message.starts_with("w.safetensors: ")) << message;
      ASSERT_EQ(message.find('\n'), std::string::npos) << message;
      ASSERT_LT(message.size(), 400u) << message;
    }
  }
  EXPECT_GT(accepted, 100) << "a changed name is still valid";
  EXPECT_LT(accepted, 2500) << "nearly every mutant is broken";
}

TEST(SafetensorsFuzz, MutantsOfTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  const std::string good = file_of(kHeader, kDataBytes);
  write_bytes(path, good);
  ASSERT_EQ(read_safetensors(path).tensors.size(), 3u);
  Mutator mutator(2);
  for (int i = 0; i < 200; ++i) {
    write_bytes(path, mutator.mutant(good));
    try {
      read_safetensors(path);
    } catch (const Error& error) {
      ASSERT_TRUE(std::string(error.what()).starts_with(path)) << error.what();
    }
  }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Leaves the process 64 MiB beyond what it has.
void limit_memory() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most = pages * 4096 + (rlim_t{64} << 20);
  const rlimit limit{most, most};
  ::setrlimit(RLIMIT_AS, &limit);
}

// What a file claims is checked against what it holds before memory is taken for it.
TEST(SafetensorsMemory, ClaimsAreCheckedBeforeTheyAreBelieved) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs address space of its own";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  const std::string terabyte =
      R"({"a":{"dtype":"F32","shape":[274877906944],"data_offsets":[0,1099511627776]}})";
  const std::string many_names = [] {
    std::string header = "{";
    for (int i = 0; i < 20000; ++i) {
      header += "\"" + std::to_string(i) +
                R"(":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]},)";
    }
    return header + R"("z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  }();
  std::string long_header = file_of("{}", 0);
  const uint64_t length = 99'999'999;
  std::memcpy(long_header.data(), &length, 8);
  const std::string deep = file_of("{\"a\":" + std::string(1 << 20, '['), 0);
  for (const std::string& bytes :
       {file_of(terabyte, 8), file_of(many_names, 8), long_header, deep}) {
    write_bytes(path, bytes);
    EXPECT_EXIT(
        {
          limit_memory();
          try {
            read_safetensors(path);
            std::_Exit(1);
          } catch (const Error&) {
            std::_Exit(0);
          } catch (...) {
            std::_Exit(2);
          }
        },
        ::testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace voluta
