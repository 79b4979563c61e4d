#include <voluta/judge/rules.h>
#include <voluta/kernels/dropout/dropout.h>

#include <array>

namespace voluta::judge {
namespace {

Problem parse(ProblemLine& line) {
  const DropoutOptions options{.probability = line.number("probability", 0.5),
                               .seed = line.integer("seed", 0),
                               .stream = line.integer("stream", 0)};
  return make_problem<Dropout>(options, {{line.dtype(), line.shape()}, {DType::i64, {}}});
}

// A factor that is a power of two rounds nothing.
bool exact_on_integers(const Problem& problem) {
  const double p = problem.options_as<DropoutOptions>().probability;
  return p == 0 || p == 0.5 || p == 0.75 || p == 1;
}

Tensors inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors made = default_inputs(problem, kind, random);
  made[1].data<int64_t>()[0] = static_cast<int64_t>(uint64_t{random.next_u32()} << 8);
  return made;
}

std::string random_line(Random& random) {
  constexpr std::array kProbabilities = {"0", "0.1", "0.2", "0.5", "0.75", "0.9", "1"};
  auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  const std::string extents =
      random.next_below(2) ? "n" + up_to(40) + "c" + up_to(100)
                           : "n" + up_to(3) + "h" + up_to(9) + "w" + up_to(9) + "c" + up_to(24);
  const uint64_t stream = uint64_t{random.next_u32()} << 32 | random.next_u32();
  return extents + " probability" + kProbabilities[random.next_below(7)] + " seed" +
         std::to_string(random.next_u32()) + " stream" + std::to_string(stream);
}

constexpr OpRules kRules[] = {{"dropout", parse, random_line, inputs, exact_on_integers}};

}  // namespace

std::span<const OpRules> dropout_rules() {
  return kRules;
}

}  // namespace voluta::judge
