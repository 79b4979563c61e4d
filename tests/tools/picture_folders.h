#pragma once

// Tests of commands on folders of pictures: two classes that a colour tells apart.

#include "io/picture_files.h"
#include "tools/command.h"

namespace voluta {

class Pictures : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* split : {"train", "val"}) {
      for (const char* name : {"blue", "red"}) {
        const std::string folder = data_ + "/" + split + "/" + name;
        std::filesystem::create_directories(folder);
        for (int i = 0; i < 4; ++i) {
          Image image = test_picture(40 + 3 * i, 50);
          for (std::size_t p = name[0] == 'r' ? 0 : 2; p < image.rgb.size(); p += 3) {
            image.rgb[p] = 250;
          }
          write_bytes(folder + "/" + std::to_string(i) + ".jpg", jpeg_file(image));
        }
      }
    }
  }
  std::string train(const std::string& flags, const std::string& output = "out") const {
    return "train --device cpu --quiet --json --model resnet20 --width 0.25 --epochs 2 "
           "--batch-size 3 --lr 0.01 --data-path " +
           data_ + " --overwrite --output-dir " + (folder_ / output) + " " + flags;
  }
  std::string weights(const std::string& output = "out") const {
    return folder_ / output + "/weights.safetensors";
  }

  // $VOLUTA_DATA, else the folder beside the checkout.
  static std::string shared_data() {
    const char* given = std::getenv("VOLUTA_DATA");
    return given && *given ? given : std::string(VOLUTA_TESTS_FOLDER) + "/../../shared/data";
  }

  TemporaryFolder folder_;
  std::string data_ = folder_ / "data";
};

}  // namespace voluta
