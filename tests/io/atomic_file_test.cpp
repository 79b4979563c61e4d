#include <gtest/gtest.h>
#include <voluta/io/atomic_file.h>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

TEST(AtomicFile, AppearsAtCommit) {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  AtomicFile file(path);
  file.write("half ");
  EXPECT_FALSE(std::filesystem::exists(path));
  file.write("whole");
  file.commit();
  EXPECT_EQ(read_bytes(path), "half whole");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  { AtomicFile(folder / "a").write("new"); }
  EXPECT_EQ(read_bytes(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, NamesThePathItCannotWrite) {
  const TemporaryFolder folder;
  write_bytes(folder / "file", "");
  for (const std::string& path : {folder / "absent/a", folder / "file/a"}) {
    expect_error(ErrorKind::kFailed, {path, "cannot be written"}, [&] { AtomicFile file(path); });
  }
}

TEST(AtomicFile, ReportsAFullDisk) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  expect_error(ErrorKind::kFailed, {"cannot be written"}, [] { AtomicFile file("/dev/full/a"); });
}

}  // namespace
}  // namespace voluta
