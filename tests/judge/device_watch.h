#pragma once

// Looks after the devices where a case failed that the judge did not run: a test of its own, a whole
// network.

#include "judge.h"
#include "lost_device.h"

#include <gtest/gtest.h>

namespace voluta::judge {

class DeviceWatch : public testing::EmptyTestEventListener {
 public:
  void OnTestEnd(const testing::TestInfo& info) override {
    if (!info.result()->Failed()) return;
    for (const DeviceType type : device_types_under_test()) {
      leave_if_lost({type, 0}, std::string(info.test_suite_name()) + "." + info.name());
    }
  }
};

}  // namespace voluta::judge
