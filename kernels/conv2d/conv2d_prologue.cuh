#pragma once

// The prologue of a problem as its kernel takes it.

#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/prologue.cuh>

namespace voluta {

// Of a problem of conv2d or its filter gradient: what is known when an engine prepares, and the address
// of a run.
class PrologueBinder {
 public:
  explicit PrologueBinder(const Problem& problem)
      : input_(conv2d_normaliser(problem)),
        channels_(static_cast<int>(conv2d_geometry(problem).c)),
        f_(Clamp(conv2d_options(problem).prologue.activation)) {}

  bool normalises() const { return input_ != 0; }
  Normaliser bind(const Args& args) const {
    return {input_ == 0 ? nullptr : args.in<float>(input_), channels_, f_};
  }

 private:
  std::size_t input_;
  int channels_;
  Clamp f_;
};

}  // namespace voluta
