#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <voluta/io/atomic_file.h>

#include <future>

#include "io/temporary_folder.h"

namespace voluta {
namespace {

namespace fs = std::filesystem;

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
  AtomicFile file(folder / "a");
  file.write("something new");
  const std::string aside = folder.other_than("a");
  ASSERT_EQ(read_bytes(aside), "something new");
  write_bytes(aside, "something mew");
  expect_error(ErrorKind::kFailed, {folder / "a", "cannot be written"}, [&] { file.commit(); });
  EXPECT_EQ(read_bytes(folder / "a"), "old");
}

TEST(AtomicFile, HandsDownPermissions) {
  const TemporaryFolder folder;
  const auto of = [](const std::string& path) { return fs::status(path).permissions(); };
  for (const unsigned mode : {0600u, 0640u, 0666u, 0755u, 0400u}) {
    const auto permissions = static_cast<fs::perms>(mode);
    write_bytes(folder / "a", "old");
    fs::permissions(folder / "a", permissions);
    AtomicFile file(folder / "a");
    EXPECT_EQ(of(folder.other_than("a")), permissions) << "open to others while it is written";
    file.write("new");
    file.commit();
    EXPECT_EQ(of(folder / "a"), permissions);
    fs::remove(folder / "a");
  }
}

TEST(AtomicFile, TwoOfOnePathDoNotMix) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "a"), second(folder / "a");
  first.write("the first");
  second.write("2nd");
  second.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "2nd");
  first.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "the first");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, ReplacesWhatALinkPointsTo) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "below");
  write_bytes(folder / "below/a", "old");
  fs::create_symlink("below/second", folder / "first");
  fs::create_symlink("a", folder / "below/second");
  fs::create_symlink("below/absent", folder / "dangling");
  for (const char* link : {"first", "dangling"}) {
    AtomicFile file(folder / link);
    file.write("new");
    file.commit();
    EXPECT_TRUE(fs::is_symlink(folder / link)) << link;
    EXPECT_EQ(read_bytes(folder / link), "new") << link;
  }
  EXPECT_EQ(read_bytes(folder / "below/a"), "new");
  EXPECT_TRUE(fs::is_symlink(folder / "below/second"));
}

TEST(AtomicFile, WritesStraightThroughAPipe) {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  std::future<std::string> read = std::async(std::launch::async, [&] { return read_bytes(pipe); });
  { AtomicFile probe(pipe); }  // does not end the reader
  AtomicFile file(folder / "link");
  file.write("half ");
  file.write("whole");
  file.commit();
  EXPECT_EQ(read.get(), "half whole");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(folder.entries(), 2u);
}

TEST(AtomicFile, WritesStraightThroughADevice) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) {
    GTEST_SKIP() << "no pseudo terminal here";
  }
  const std::string path = ::ptsname(terminal);
  AtomicFile file(path);
  file.write("text");
  char text[5] = {};
  EXPECT_EQ(::read(terminal, text, 4), 4);
  EXPECT_STREQ(text, "text");
  file.commit();
  EXPECT_TRUE(fs::is_character_file(path));
  ::close(terminal);
}

TEST(AtomicFile, RefusesAFolder) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "a");
  expect_error(ErrorKind::kFailed, {folder / "a", "cannot be written", "directory"},
               [&] { AtomicFile file(folder / "a"); });
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(RemoveLeftovers, RemovesThoseOfDeadProcessesAlone) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const std::string dead = std::to_string(child), own = std::to_string(::getpid());
  AtomicFile file(folder / "b");
  const std::string open = folder.other_than("a");
  const std::string stay[] = {"a",         "a.tmp" + own,        "a.tmp",   "a.tmp" + dead + ".1x",
                              "a.tmp-1.1", "a.tmp" + dead + "1", "a.tmp.1", "a.tmp" + dead + "."};
  // The second is of an earlier process of the same number: this one has not come to it.
  const std::string go[] = {"a.tmp" + dead + ".7", "a.tmp" + own + ".4000000000"};
  for (const std::string& name : stay) write_bytes(folder / name, "");
  for (const std::string& name : go) write_bytes(folder / name, "");
  remove_leftovers(folder / "");
  EXPECT_TRUE(std::filesystem::exists(open));
  for (const std::string& name : go) EXPECT_FALSE(std::filesystem::exists(folder / name)) << name;
  for (const std::string& name : stay) EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

}  // namespace
}  // namespace voluta
