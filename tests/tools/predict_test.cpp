// voluta predict: the answers that evaluation counts, for pictures by path.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/picture_folders.h"

namespace voluta {
namespace {

using nlohmann::json;

class Predict : public Pictures {
 protected:
  std::string predict(const std::string& rest) const {
    return "predict --device cpu --quiet --weights " + weights() + " " + rest;
  }
  json predicted(const std::string& rest) const {
    const Outcome outcome = run_command(predict("--json " + rest));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out);
  }
};

TEST_F(Predict, NamesClassesWithProbabilities) {
  ASSERT_EQ(run_command(train("")).code, 0);
  const json all = predicted(data_ + "/val " + data_ + "/train/red/0.jpg");
  EXPECT_EQ(all["model"], "resnet20");
  EXPECT_EQ(all["images"], 9);
  ASSERT_EQ(all["predictions"].size(), 9u);
  EXPECT_EQ(all["predictions"][8]["picture"], data_ + "/train/red/0.jpg");
  for (const json& prediction : all["predictions"]) {
    const json& top = prediction["top"];
    ASSERT_EQ(top.size(), 2u) << "as many as there are";
    const double first = top[0]["probability"], second = top[1]["probability"];
    EXPECT_GE(first, second);
    EXPECT_NEAR(first + second, 1, 1e-12);
    EXPECT_EQ(top[0]["class"], top[0]["label"] == 0 ? "blue" : "red");
    EXPECT_FALSE(prediction.contains("label")) << "nobody said what it is";
  }
  // Neither the batch nor the company of other pictures changes an answer.
  const json one = predicted(data_ + "/val/red/2.jpg --top-k 1 --batch-size 1");
  EXPECT_EQ(one["predictions"][0]["top"].size(), 1u);
  EXPECT_NEAR(one["predictions"][0]["top"][0]["probability"],
              all["predictions"][6]["top"][0]["probability"], 1e-6);
  const Outcome table = run_command(predict(data_ + "/val/red/2.jpg"));
  EXPECT_NE(table.out.find(data_ + "/val/red/2.jpg  "), std::string::npos) << table.out;
  EXPECT_NE(table.out.find(" % red"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find(" % blue"), std::string::npos) << table.out;
}

// The same answers as evaluation's, over published pictures of ten classes.
TEST_F(Predict, CountsWhatEvalCounts) {
  const std::string data = shared_data() + "/caltech101-10";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "no " << data;
  const Outcome trained = run_command(
      "train --device cpu --quiet --model resnet20 --width 0.5 --train-crop-size 32 --max-steps 50 "
      "--batch-size 16 --lr 0.05 --lr-scheduler constant --bn-momentum 0.5 --test-limit 0 "
      "--data-path " +
      data + " --output-dir " + (folder_ / "out"));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Outcome eval = run_command("eval --device cpu --quiet --json --weights " + weights() +
                                   " --data-path " + data);
  ASSERT_EQ(eval.code, 0) << eval.err;
  const json counted = json::parse(eval.out);
  const json labelled = predicted("--data-path " + data), by_path = predicted(data + "/test");
  ASSERT_EQ(labelled["images"], counted["images"]);
  ASSERT_EQ(by_path["images"], counted["images"]);
  double top1 = 0, top5 = 0;
  for (std::size_t i = 0; i < labelled["predictions"].size(); ++i) {
    const json& prediction = labelled["predictions"][i];
    EXPECT_EQ(by_path["predictions"][i]["top"], prediction["top"]) << prediction["picture"];
    top1 += prediction["top"][0]["label"] == prediction["label"];
    for (const json& ranked : prediction["top"]) top5 += ranked["label"] == prediction["label"];
  }
  const double images = counted["images"];
  EXPECT_EQ(top1, std::llround(counted["top1"].get<double>() * images));
  EXPECT_EQ(top5, std::llround(counted["top5"].get<double>() * images));
  EXPECT_GT(top1, images / 10) << "a model that learnt nothing shows nothing";
}

// A model of one channel sees the grey of coloured pictures, at its own size.
TEST_F(Predict, PicturesTakeTheChannelsOfTheModel) {
  const std::string digits = folder_ / "digits";
  ASSERT_EQ(run_command("data make digits --train 640 --test 64 --output-dir " + digits).code, 0);
  ASSERT_EQ(run_command("train --device cpu --quiet --model lenet5 --epochs 1 --data-path " +
                        digits + " --output-dir " + (folder_ / "out"))
                .code,
            0);
  const json named = predicted(data_ + "/val/red --top-k 10");
  EXPECT_EQ(named["images"], 4);
  EXPECT_EQ(named["predictions"][0]["top"].size(), 10u);
  const json set = predicted("--test-limit 3 --data-path " + digits);
  EXPECT_EQ(set["images"], 3);
  EXPECT_TRUE(set["predictions"][2].contains("label"));
  EXPECT_EQ(set["predictions"][2]["picture"], "picture 2");
  const int64_t label = set["predictions"][2]["label"];
  const std::string table =
      run_command(predict("--top-k 1 --test-limit 3 --data-path " + digits)).out;
  EXPECT_NE(table.find("\npicture 2  label " + std::to_string(label) + "  "), std::string::npos)
      << table;
  EXPECT_EQ(run_command(predict(data_ + "/val/red")).out.find("label"), std::string::npos);
}

// A list of numbers ends with its word.
TEST_F(Predict, APictureBehindAListIsAPicture) {
  ASSERT_EQ(run_command(train("--max-steps 1")).code, 0);
  for (const char* list : {"--mean .1,.2,.3 --std .3,.3,.3 ", "--std=.3,.3,.3 "}) {
    EXPECT_EQ(predicted(list + data_ + "/val/red/0.jpg")["images"], 1) << list;
  }
}

TEST_F(Predict, BadPicturesAreListed) {
  ASSERT_EQ(run_command(train("")).code, 0);
  write_bytes(data_ + "/val/red/0.jpg", "text");
  write_bytes(data_ + "/val/blue/3.jpg", "");
  const Outcome refused = run_command(predict(data_ + "/val nowhere.png"));
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.out, "");
  for (const char* part : {"val/red/0.jpg: is neither", "val/blue/3.jpg: is empty",
                           "nowhere.png: cannot be read", "--max-bad-images 3"}) {
    EXPECT_NE(refused.err.find(part), std::string::npos) << refused.err << " lacks " << part;
  }
  EXPECT_EQ(predicted("--max-bad-images 3 nowhere.png " + data_ + "/val")["images"], 6);
  expect_refused(predict("nowhere.png"), 1, {"voluta", " predict: nowhere.png: cannot be read"});
  const Outcome none = run_command(predict("nowhere.png " + data_ + "/val/red/0.jpg"));
  EXPECT_NE(none.err.find("none of the 2 pictures can be read"), std::string::npos) << none.err;
  EXPECT_EQ(none.err.find("--max-bad-images"), std::string::npos) << none.err;
  expect_refused(predict(data_ + "/val/red/0.jpg --top-k 0"), 2, {"--top-k"});
  expect_refused(predict(""), 2, {"which pictures"});
  expect_refused(predict("a.png --data-path d"), 2, {"not both"});
}

}  // namespace
}  // namespace voluta
