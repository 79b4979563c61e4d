#pragma once

// What the oneDNN engines of all ops share. Internal: oneDNN's types show here, so only the
// <op>_onednn.cpp files include it, and it is no part of the installed headers.
//
// An engine describes its work as a Program: primitives over the problem's inputs and outputs and
// over pieces of the workspace. execution() turns it into what the executor runs:
//
//   onednn::Program program;
//   program.add(dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, pd.src_desc(), onednn::input(0)},
//                                           {DNNL_ARG_DST, pd.dst_desc(), onednn::output(0)}});
//   return std::move(program).execution();

#include <voluta/core/graph/op.h>
#include <voluta/kernels/activation/activation.h>

#include <optional>

#include <dnnl.hpp>

namespace voluta::onednn {

const dnnl::engine& engine();  // the CPU
dnnl::stream& stream();        // one a host thread; runs in order

// oneDNN names extents in the order N C H W (and O I H W, G O I H W) whatever the memory order;
// these describe our dense f32 layouts.
dnnl::memory::desc f32_desc(dnnl::memory::dims extents, dnnl::memory::format_tag layout);
// Activations of shape [N,H,W,C].
dnnl::memory::desc nhwc_desc(const Shape& shape);
// Filters of shape [K,R,S,C/G]; with groups > 1 as [G,K/G,R,S,C/G].
dnnl::memory::desc krsc_desc(const Shape& shape, int64_t groups = 1);
// Any shape in memory order, outermost first.
dnnl::memory::desc dense_desc(const Shape& shape);
// The same extents; the primitive chooses the layout.
dnnl::memory::desc any_layout(const dnnl::memory::desc& desc);

// Scratchpad in the caller's workspace, which Program::add provides.
dnnl::primitive_attr user_scratchpad();

// An activation as oneDNN's elementwise primitive.
struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha, beta;
};
// Nothing for rectifiers and hardswish: oneDNN 2.6's turn NaN into 0, and a diverged network would
// look like a quiet one. activate_elements() computes those.
std::optional<Eltwise> eltwise_of(ActivationKind kind);
// user_scratchpad() with the activation as the primitive's last step, where eltwise_of() has it.
// Where it has not, Program::activate() appends it.
dnnl::primitive_attr activated(ActivationKind kind);

// "f32 only" and "no empty tensors": the limits of every oneDNN engine here.
Support supports_f32(const Problem& problem);

// Where an operand lies: an input or output of the problem, or an offset into the workspace.
struct Place {
  enum class Kind { kInput, kOutput, kWorkspace } kind;
  std::size_t index;  // of the input or output; bytes into the workspace
};
inline Place input(std::size_t i) {
  return {Place::Kind::kInput, i};
}
inline Place output(std::size_t i) {
  return {Place::Kind::kOutput, i};
}

struct Operand {
  int argument;  // DNNL_ARG_...
  dnnl::memory::desc desc;
  Place place;
};

class Program {
 public:
  // A piece of the workspace; it lives through the whole program.
  Place scratch(std::size_t bytes);
  Place scratch(const dnnl::memory::desc& desc) { return scratch(desc.get_size()); }

  // Appends a primitive. Its scratchpad (user_scratchpad()) is added by itself; scratchpads of
  // several primitives share memory.
  void add(const dnnl::primitive& primitive, std::vector<Operand> operands);

  // Appends a change of layout.
  void reorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to,
               Place target);
  // `source` itself where the layouts agree, else a reordered copy in the workspace.
  Place as_layout(const dnnl::memory::desc& wanted, const dnnl::memory::desc& from, Place source);

  // Appends the activation of output 0, in place, where activated() could not include it.
  void activate(ActivationKind kind, int64_t elements);

  // Appends host code between primitives.
  void then(std::function<void(const Args&)> code);

  Execution execution() &&;

 private:
  // `scratchpad` is the offset of the shared scratchpad in the workspace.
  using Step = std::function<void(const Args&, Place scratchpad)>;

  std::vector<Step> steps_;
  std::size_t scratch_bytes_ = 0, scratchpad_bytes_ = 0;
};

}  // namespace voluta::onednn
