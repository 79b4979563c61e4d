#pragma once

// Times of several engines on one problem, taken in turns.
//
// Note [How a run is timed]
// A sample is one run between two events, behind a write to a buffer larger than any cache: it
// finds the caches as cold as a layer inside a network would, and on a GPU the host enqueues the run
// while the device still writes. Inputs are random reals (zeros run faster than data on some chips)
// and rotate through copies. The engines take turns, A B A B, so that a clock or a neighbour that
// changes meets all of them. What happens once, the plan, is timed apart; of an engine that names
// several plans each is tried, and the quickest runs: of the deterministic ones, which is what an engine
// that must be deterministic is held against, and beside it, where one that is not is quicker, that one.

#include <voluta/judge/rules.h>

#include <functional>

namespace voluta::judge {

struct RaceOptions {
  int samples = 21;     // of each engine, where the time suffices; at least 3 are taken
  double seconds = 10;  // for all samples of one engine
  std::function<bool()> stop = [] { return false; };  // asked between samples
};

struct Lap {
  std::vector<double> ms;  // one figure a sample, ascending; empty where the engine failed
  // The same of the quickest plan of all, where that is one that is not deterministic.
  std::vector<double> loose_ms;
  double plan_ms = 0;     // prepare() and the first run, which loads code and settles choices
  std::size_t plans = 1;  // how many the quickest was chosen from, where the engine names several
  std::size_t workspace_bytes = 0;
  std::string failure;

  double median() const { return ms[ms.size() / 2]; }
  double loose_median() const { return loose_ms[loose_ms.size() / 2]; }
  // Half the distance between the quartiles, as a share of the median.
  double spread() const;
};

// A lap for each engine, in their order; all support the problem. Inputs are the problem's.
std::vector<Lap> race(std::span<const Engine* const> engines, const Problem& problem,
                      const Tensors& inputs, Device device, const RaceOptions& options);

// Bytes read and written by copies within the device, per second: what a kernel could reach.
double measured_copy_bandwidth(Device device);

}  // namespace voluta::judge
