#pragma once

// A stack of its own that the OS thread can switch to and back from. Boost.Context makes the switch
// (the packaged library does not tell the sanitizers of it, so this class does).

#include <cstddef>

namespace voluta::simt {

class Fiber {
 public:
  using Body = void (*)(void* argument);

  // `body(argument)` runs at each resume() that does not continue a suspended one.
  Fiber(Body body, void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void resume();   // from the OS thread's own stack, until the fiber suspends
  void suspend();  // from inside: back to resume()

 private:
  struct Entry;

  Body body_;
  void* argument_;
  char* stack_;  // kStackBytes, growing down
  void* context_;
  void* caller_ = nullptr;  // where resume() was called
  // Sanitizers' view of both sides.
  void* fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_bytes_ = 0;
  void* tsan_ = nullptr;
  void* caller_tsan_ = nullptr;
};

}  // namespace voluta::simt
