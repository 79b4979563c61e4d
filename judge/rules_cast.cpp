#include <voluta/core/error.h>
#include <voluta/judge/reference.h>
#include <voluta/kernels/cast/cast.h>

#include <array>
#include <bit>
#include <cstring>

namespace voluta::judge {
namespace {

constexpr std::array kTargets = {DType::f32, DType::bf16, DType::f16};

std::string target_word(DType to) {
  std::string word = "to_";
  return word += name_of(to);
}

Problem parse(ProblemLine& line) {
  for (const DType to : kTargets) {
    if (!line.word(target_word(to))) continue;
    if (!line.has("n") || line.extents("n").size() == 1) {
      return make_problem<Cast>({to}, {{line.dtype(), line.shape()}});
    }
    std::vector<TensorType> tensors;
    for (const int64_t n : line.extents("n")) tensors.push_back({line.dtype(), {n}});
    return make_problem<Cast>({to}, std::move(tensors));
  }
  invalid("'" + line.text() + "' names no target: to_f32, to_bf16 or to_f16");
}

// The bits of an f32 with any sign, exponent and fraction: infinities, NaN and subnormal numbers
// among them. Half of them lie about f16's range, and a quarter halfway between two numbers of a
// 16-bit type or one step beside it.
float any_f32(Random& random) {
  uint32_t bits = random.next_u32();
  if (random.next_below(2)) {
    const uint32_t exponent = 127 - 26 + random.next_below(44);  // 2^-26 .. 2^17
    bits = (bits & 0x807fffffu) | exponent << 23;
  }
  if (random.next_below(4) == 0) {
    const int dropped = random.next_below(2) ? 16 : 13;  // bits of the fraction
    bits = (bits >> dropped << dropped) + (1u << (dropped - 1)) + random.next_below(3) - 1;
  }
  return std::bit_cast<float>(bits);
}

Tensor any(const TensorType& type, Random& random) {
  Tensor x(type);
  for (int64_t i = 0; i < x.elements(); ++i) {
    if (x.dtype() == DType::f32) {
      x.data<float>()[static_cast<std::size_t>(i)] = any_f32(random);
    } else {
      const auto bits = static_cast<uint16_t>(random.next_u32());
      std::memcpy(static_cast<std::byte*>(x.raw()) + 2 * i, &bits, 2);
    }
  }
  return x;
}

Tensors inputs(const Problem& problem, InputKind kind, Random& random) {
  const bool differentiated = problem.inputs[0].dtype == DType::f64;
  if (kind != InputKind::kReals || differentiated) return default_inputs(problem, kind, random);
  Tensors tensors;
  for (const TensorType& type : problem.inputs) tensors.push_back(any(type, random));
  return tensors;
}

std::string random_line(Random& random) {
  auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  std::string extents =
      random.next_below(2) ? "c" + up_to(4000) : "n" + up_to(40) + "c" + up_to(100);
  if (random.next_below(3) == 0) {
    extents = "n" + up_to(6000);
    for (uint32_t i = random.next_below(60); i > 0; --i) extents += "," + up_to(300);
  }
  const DType from = kTargets[random.next_below(3)], to = kTargets[random.next_below(3)];
  return extents + " " + target_word(to) + " " + std::string(name_of(from));
}

constexpr OpRules kRules[] = {{"cast", parse, random_line, inputs}};

}  // namespace

std::span<const OpRules> cast_rules() {
  return kRules;
}

}  // namespace voluta::judge
