#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
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

TEST(AtomicFile, NoticesWhatTheDiskChanged) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  const std::string aside = folder / ("a.tmp" + std::to_string(::getpid()));
  AtomicFile file(folder / "a");
  file.write("something new");
  ASSERT_EQ(read_bytes(aside), "something new");
  write_bytes(aside, "something mew");
  expect_error(ErrorKind::kFailed, {folder / "a", "cannot be written"}, [&] { file.commit(); });
  EXPECT_EQ(read_bytes(folder / "a"), "old");
}

TEST(RemoveLeftovers, RemovesThoseOfDeadProcessesAlone) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const std::string dead = std::to_string(child), own = std::to_string(::getpid());
  const std::string stay[] = {"a", "a.tmp" + own, "a.tmp", "a.tmp" + dead + "x", "a.tmp-1"};
  for (const std::string& name : stay) write_bytes(folder / name, "");
  write_bytes(folder / ("a.tmp" + dead), "");
  remove_leftovers(folder / "");
  EXPECT_FALSE(std::filesystem::exists(folder / ("a.tmp" + dead)));
  for (const std::string& name : stay) EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

}  // namespace
}  // namespace voluta
