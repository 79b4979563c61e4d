// erase_pictures and mix_pictures on the CPU: threads share the lines; of each line the part in the
// box and the parts beside it are loops of their own.

#include <voluta/kernels/augmentation/augmentation_rules.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta::augmentation {
namespace {

// The elements [left, right) of a line that lie in the box; none where left = right.
struct Span {
  int64_t left, right;

  Span(const Box& box, int64_t row, int64_t line) : left(0), right(0) {
    if (row < box.top || row >= box.bottom) return;
    left = std::clamp<int64_t>(box.left, 0, line);
    right = std::clamp<int64_t>(box.right, left, line);
  }
};

Execution prepare_erase(const Problem& problem) {
  return {.run = [e = Extents(problem)](const Args& args, Stream&) {
    const float* x = args.in<float>(0);
    const int64_t* boxes = args.in<int64_t>(1);
    float* y = args.out<float>(0);
    const int64_t line = e.line();
#pragma omp parallel for if (e.n * e.picture() > kParallelElements)
    for (int64_t at = 0; at < e.n * e.h; ++at) {
      const Span span(Box(boxes + at / e.h * 4, e.c), at % e.h, line);
      float* to = y + at * line;
      if (x != y) std::copy_n(x + at * line, line, to);
      std::fill(to + span.left, to + span.right, 0.0f);
    }
  }};
}

Execution prepare_mix(const Problem& problem) {
  return {.run = [e = Extents(problem)](const Args& args, Stream&) {
    const float *x = args.in<float>(0), share = *args.in<float>(1);
    const Box box(args.in<int64_t>(2), e.c);
    float* y = args.out<float>(0);
    const int64_t line = e.line();
#pragma omp parallel for if (e.n * e.picture() > kParallelElements)
    for (int64_t at = 0; at < e.n * e.h; ++at) {
      const int64_t n = at / e.h;
      const float *own = x + at * line, *other = own + (partner(n, e.n) - n) * e.picture();
      float* to = y + at * line;
      for (int64_t i = 0; i < line; ++i) to[i] = mixed(own[i], other[i], share, false);
      const Span span(box, at % e.h, line);
      std::copy(other + span.left, other + span.right, to + span.left);
    }
  }};
}

}  // namespace

const Engine kEraseOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                          prepare_erase};
const Engine kMixOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                        prepare_mix};

}  // namespace voluta::augmentation
