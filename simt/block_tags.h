#pragma once

// Addresses that stand for happens-before edges. New in each block under TSan, because a block
// must not inherit the order of the one before; see Note [ThreadSanitizer as race checker].

#include <voluta/simt/block.h>

namespace voluta::simt {

struct Block::Tags {
  static constexpr int kWarpPhases = 4;  // a lane may run ahead of one that has yet to resume
  char block_barrier[2];                 // by phase: nobody is two barriers ahead of another
  char named[kNamedBarriers][2];
  struct Lane {
    char tag[kWarpPhases];
    int phase = 0;
  };
  std::vector<Lane> lanes;  // by thread
};

}  // namespace voluta::simt
