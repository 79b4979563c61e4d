// A run goes on with the pictures that it was trained on, from wherever it is resumed, and with no others.

#include <voluta/io/safetensors.h>

#include <nlohmann/json.hpp>

#include "tools/picture_folders.h"

namespace voluta {
namespace {

using nlohmann::json;

class ResumeData : public Pictures {
 protected:
  std::string resume(const std::string& flags = "--epochs 3") const {
    return "train --quiet --resume " + (folder_ / "out") + " " + flags;
  }
  void make_digits(const std::string& folder, const std::string& flags) const {
    const Outcome made = run_command("data make digits --output-dir " + folder + " " + flags);
    ASSERT_EQ(made.code, 0) << made.err;
  }
};

// The set that was found without flags is the run's, whatever would be found now.
TEST_F(ResumeData, FoundWithoutFlagsItStaysTheSame) {
  make_digits(folder_ / "sets/mnist", "--train 60 --test 10 --seed 1");
  make_digits(folder_ / "shared/data/mnist", "--train 40 --test 10 --seed 2");
  std::filesystem::create_directory(folder_ / "here");
  const std::string here = "cd " + (folder_ / "here") + " && VOLUTA_DATA=";
  const std::string flags =
      "train --device cpu --quiet --batch-size 10 --epochs 2 --output-dir " + (folder_ / "out");
  ASSERT_EQ(run_command(flags, here + "../sets").code, 0);
  for (const std::string& environment :
       {std::string("cd / && VOLUTA_DATA="), here, here + "../x"}) {
    const Outcome resumed = run_command(resume(), environment);
    EXPECT_EQ(resumed.code, 0) << resumed.err;
  }
  expect_refused(resume("--epochs 4 --data-path ../shared/data/mnist"), 2,
                 {"../shared/data/mnist does not hold what the run in " + (folder_ / "out"),
                  "40 pictures where there were 60", "--data-path", "--weights"},
                 "cd " + (folder_ / "here") + " &&");
  make_digits(folder_ / "same_size", "--train 60 --test 10 --seed 2");
  expect_refused(resume("--epochs 4 --data-path " + (folder_ / "same_size")), 2,
                 {"as many pictures, but other ones"});
  expect_refused(resume("--epochs 4 --dataset fashion_mnist"), 2,
                 {"class 0 is 'T-shirt/top' where it was '0'"});
}

TEST_F(ResumeData, OfFoldersClassesAndNamesStayTheSame) {
  ASSERT_EQ(run_command(train("")).code, 0);
  const std::string train = data_ + "/train/", val = data_ + "/val/";
  std::filesystem::rename(train + "red/0.jpg", train + "red/9.jpg");
  expect_refused(resume(), 2, {data_, "as many pictures, but other ones"});
  std::filesystem::remove(train + "red/9.jpg");
  expect_refused(resume(), 2, {"7 pictures where there were 8"});
  std::filesystem::copy(train + "red/1.jpg", train + "red/0.jpg");
  for (const std::string& split : {train, val}) {
    std::filesystem::rename(split + "blue", split + "zebra");
  }
  expect_refused(resume(), 2, {"class 0 is 'red' where it was 'blue'"});
  std::filesystem::create_directory(train + "green");
  std::filesystem::copy(train + "red/1.jpg", train + "green/1.jpg");
  expect_refused(resume(), 2, {"3 classes where there were 2"});
  std::filesystem::remove_all(train + "green");
  for (const std::string& split : {train, val}) {
    std::filesystem::rename(split + "zebra", split + "blue");
  }
  std::filesystem::rename(data_, folder_ / "moved");
  const Outcome moved = run_command(resume("--epochs 3 --data-path " + (folder_ / "moved")));
  EXPECT_EQ(moved.code, 0) << moved.err;
}

// Names of folders are bytes, checkpoints are UTF-8.
TEST_F(ResumeData, ClassesNeedNotBeUtf8) {
  for (const char* split : {"/train/", "/val/"}) {
    std::filesystem::rename(data_ + split + "red", data_ + split + "r\xe9");
  }
  ASSERT_EQ(run_command(train("")).code, 0);
  const Outcome resumed = run_command(resume());
  EXPECT_EQ(resumed.code, 0) << resumed.err;
}

// A checkpoint of a version that did not keep them is taken, and that is said.
TEST_F(ResumeData, AnOlderCheckpointIsTakenWithANote) {
  ASSERT_EQ(run_command(train("")).code, 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "out/checkpoints")) {
    TensorFile file = read_safetensors(entry.path());
    json document = json::parse(file.metadata.at("voluta.checkpoint"));
    EXPECT_EQ(document["settings"]["dataset"], json({"folder"}));
    EXPECT_EQ(document["settings"]["data-path"], json({data_}));
    EXPECT_EQ(document["origin"]["pictures"], 8);
    EXPECT_EQ(document["origin"]["class_names"], json({"blue", "red"}));
    document.erase("origin");
    document["settings"].erase("dataset");
    file.metadata["voluta.checkpoint"] = document.dump();
    write_safetensors(entry.path(), file);
  }
  const Outcome resumed = run_command(resume());
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("does not say on which pictures; going on with those of " + data_),
            std::string::npos)
      << resumed.err;
  EXPECT_EQ(run_command(resume("--epochs 4")).err, "") << "the run has it now";
}

}  // namespace
}  // namespace voluta
