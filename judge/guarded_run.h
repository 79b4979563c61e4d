#pragma once

// One run of an engine under suspicion: every buffer fenced, outputs and workspace full of NaN,
// inputs compared afterwards.
//
// Note [Fences]
// A fence is a run of 0xFF bytes before and after each buffer: NaN in every floating type, -1 in
// integers. A read outside a buffer therefore spoils the result, a write outside shows in the fence.

#include <voluta/core/device/stream.h>
#include <voluta/judge/rules.h>

namespace voluta::judge {

// Device memory between two fences, freed with the object.
class FencedBuffer {
 public:
  FencedBuffer(Stream& stream, std::size_t bytes);  // filled with 0xFF, fences and all
  ~FencedBuffer();
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;

  void* address() const { return static_cast<std::byte*>(memory_) + kFenceBytes; }
  void upload(const Tensor& tensor);
  // Between arm() and disarm(), AddressSanitizer reports any access to a fence at its line, also a
  // read whose value is thrown away. Nothing without it, or on a GPU.
  void arm() { set_armed(true); }
  void disarm() { set_armed(false); }
  // Copies the contents out and tells which byte of a fence was written, or an empty string.
  std::string download(Tensor& tensor);

 private:
  static constexpr std::size_t kFenceBytes = 2048;  // keeps the 256-byte alignment

  void set_armed(bool armed);

  Stream& stream_;
  std::size_t bytes_;
  void* memory_;
};

struct GuardedRun {
  Tensors outputs;
  std::string complaint;  // empty, or what the engine did that no engine may: one line
};

// Which of an op's optional aliases to exercise.
enum class Placing { kApart, kInPlace };

// Prepares and runs. Where the op says that an output must take an input's memory, it does; with
// kInPlace also where it may (the first such alias of each output).
GuardedRun run_guarded(const Engine& engine, const Problem& problem, const Tensors& inputs,
                       Stream& stream, Placing placing = Placing::kApart);

}  // namespace voluta::judge
