// The updates of parameters. Their bounds are their own rules, run on numbers that carry their
// rounding errors (rounded.h).

#include <voluta/core/error.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rounded.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>
#include <voluta/kernels/optimizer/optimizer_rules.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace voluta::judge {
namespace {

using optimizer::Layout;
using optimizer::Traits;

SgdOptions options_of(ProblemLine& line, const SgdOptions&) {
  return {.momentum = line.number("momentum", 0),
          .weight_decay = line.number("decay", 0),
          .nesterov = line.word("nesterov"),
          .scaled = line.word("scaled")};
}
RmspropOptions options_of(ProblemLine& line, const RmspropOptions& o) {
  return {.alpha = line.number("alpha", o.alpha),
          .epsilon = line.number("eps", o.epsilon),
          .momentum = line.number("momentum", 0),
          .weight_decay = line.number("decay", 0),
          .tensorflow = line.word("tensorflow"),
          .scaled = line.word("scaled")};
}
AdamOptions options_of(ProblemLine& line, const AdamOptions& o) {
  return {.beta1 = line.number("first", o.beta1),
          .beta2 = line.number("second", o.beta2),
          .epsilon = line.number("eps", o.epsilon),
          .weight_decay = line.number("decay", 0),
          .decoupled = line.word("decoupled"),
          .scaled = line.word("scaled")};
}
LarsOptions options_of(ProblemLine& line, const LarsOptions& o) {
  return {.momentum = line.number("momentum", o.momentum),
          .weight_decay = line.number("decay", 0),
          .trust = line.number("trust", o.trust),
          .epsilon = line.number("eps", o.epsilon),
          .nesterov = line.word("nesterov"),
          .scaled = line.word("scaled")};
}
AverageOptions options_of(ProblemLine&, const AverageOptions&) {
  return {};
}

template <class Options>
Problem parse(ProblemLine& line) {
  const Options options = options_of(line, Options{});
  std::vector<TensorType> tensors, inputs;
  for (const int64_t n : line.extents("n")) tensors.push_back({line.dtype(), {n}});
  for (int list = 0; list < 2 + slots_of(options); ++list) {
    inputs.insert(inputs.end(), tensors.begin(), tensors.end());
  }
  for (const DType half : {DType::bf16, DType::f16}) {
    const bool named = line.word("gradients_" + std::string(name_of(half)));
    if (!named || line.dtype() != DType::f32) continue;
    for (std::size_t i = 0; i < tensors.size(); ++i) inputs[tensors.size() + i].dtype = half;
  }
  const TensorType real{line.dtype() == DType::f64 ? DType::f64 : DType::f32, {}};
  if (Traits<Options>::kNorms) {
    inputs.push_back({real.dtype, {2 * static_cast<int64_t>(tensors.size())}});
  }
  inputs.push_back(real);
  if (Traits<Options>::kCounts) inputs.push_back({DType::i64, {}});
  if (optimizer::scaled(options)) inputs.push_back(real);
  return make_problem<OptimizerUpdate<Options>>(options, inputs);
}

Problem parse_norms(ProblemLine& line) {
  std::vector<TensorType> inputs;
  for (const int64_t n : line.extents("n")) inputs.push_back({line.dtype(), {n}});
  return make_problem<TensorNorms>({}, inputs);
}
Problem parse_clip_factor(ProblemLine& line) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool scaled = line.word("scaled"), clips = !line.word("unclipped");
  std::vector<TensorType> inputs{{line.dtype(), {line.extent("n")}}};
  if (scaled) inputs.push_back({line.dtype(), {}});
  return make_problem<ClipFactor>(
      {.max_norm = clips ? line.number("max", 1) : kInfinity, .scaled = scaled}, inputs);
}
Problem parse_loss_scale(ProblemLine& line) {
  if (line.extent("n") != 1) invalid("there is one loss scale: n1");
  return make_problem<LossScaleUpdate>(
      {.growth = line.number("growth", 2),
       .backoff = line.number("backoff", 0.5),
       .interval = static_cast<int64_t>(line.number("interval", 2000))},
      {{line.dtype(), {}}, {line.dtype(), {}}, {DType::i64, {}}, {DType::i64, {}}});
}

bool never(const Problem&) {
  return false;
}

void make_positive(Tensor& tensor) {
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    set_value(tensor, i, std::fabs(value_at(tensor, i)));
  }
}

// A rate in (0, 0.5), a few hundred steps done, second moments and norms that are not negative; one
// scale in eight is not finite.
template <class Options>
Tensors inputs(const Problem& problem, InputKind kind, Random& random) {
  const Layout<Options> at(problem);
  Tensors tensors = default_inputs(problem, kind, random);
  const bool copies = std::is_same_v<Options, AverageOptions> && random.next_below(3) == 0;
  set_value(tensors[at.lr()], 0, copies ? 1.0 : random.next_uniform(0.01, 0.5));
  if (Traits<Options>::kNorms) make_positive(tensors[at.norms()]);
  if (Traits<Options>::kNorms && random.next_below(2)) set_value(tensors[at.norms()], 0, 0.0);
  if (Traits<Options>::kCounts) set_value(tensors[at.t()], 0, 1 + random.next_below(500));
  const bool adam = std::is_same_v<Options, AdamOptions>;
  if (adam || std::is_same_v<Options, RmspropOptions>) {
    for (std::size_t i = 0; i < at.tensors; ++i) make_positive(tensors[at.slot(adam ? 1 : 0, i)]);
  }
  if (at.is_scaled) {
    const bool spoilt = random.next_below(8) == 0;
    set_value(tensors[at.gradient_scale()], 0,
              spoilt ? std::numeric_limits<double>::infinity() : random.next_uniform(0.01, 2));
  }
  return tensors;
}

// A scale above 0.
Tensors clip_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors tensors = default_inputs(problem, kind, random);
  if (tensors.size() == 2) set_value(tensors[1], 0, std::ldexp(1, int(random.next_below(20))));
  return tensors;
}

// One norm in four is not finite; one count in two is about to reach the interval.
Tensors loss_scale_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors tensors = default_inputs(problem, kind, random);
  constexpr double kSpoilt[] = {std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
  if (random.next_below(4) == 0) set_value(tensors[0], 0, kSpoilt[random.next_below(2)]);
  set_value(tensors[1], 0, std::ldexp(1, int(random.next_below(20))));
  const int64_t interval = problem.options_as<LossScaleOptions>().interval;
  set_value(tensors[2], 0, double(random.next_below(2) ? interval - 1 : interval / 2));
  set_value(tensors[3], 0, double(random.next_below(100000)));
  return tensors;
}

template <class Options>
optimizer::StepScalars<Rounded> scalars(const Layout<Options>& at, const Tensors& inputs,
                                        std::size_t tensor, const Rounded& scale) {
  optimizer::StepScalars<Rounded> scalars;
  scalars.lr = Rounded::exact(value_at(inputs[at.lr()], 0));
  if (Traits<Options>::kCounts) scalars.t = Rounded::exact(value_at(inputs[at.t()], 0));
  if (Traits<Options>::kNorms) {
    const Tensor& norms = inputs[at.norms()];
    const auto i = static_cast<int64_t>(tensor), n = static_cast<int64_t>(at.tensors);
    scalars.parameter_norm = Rounded::exact(value_at(norms, i));
    scalars.gradient_norm = scale * Rounded::exact(value_at(norms, n + i));
  }
  return scalars;
}

template <class Options>
Bounds bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const Options& options = problem.options_as<Options>();
  const Layout<Options> at(problem);
  const Rounded scale =
      Rounded::exact(at.is_scaled ? value_at(inputs[at.gradient_scale()], 0) : 1.0);
  Bounds result;
  for (const Tensor& output : reference) {
    result.emplace_back(static_cast<std::size_t>(output.elements()), 0.0);
  }
  if (!std::isfinite(scale.value)) return result;  // a step left out changes nothing
  optimizer::dispatch_slots(options, [&]<int kSlots>() {
    for (std::size_t i = 0; i < at.tensors; ++i) {
      typename Traits<Options>::template Rule<Rounded> rule(options);
      rule.begin(scalars(at, inputs, i, scale));
      for (int64_t e = 0; e < inputs[i].elements(); ++e) {
        const auto element = static_cast<std::size_t>(e);
        Rounded p = Rounded::exact(value_at(inputs[i], e)), slots[kSlots + 1];
        for (std::size_t s = 0; s < kSlots; ++s) {
          slots[s] = Rounded::exact(value_at(inputs[at.slot(s, i)], e));
        }
        const Rounded g = scale * Rounded::exact(value_at(inputs[at.gradient(i)], e));
        rule.template update<kSlots>(g, p, slots);
        result[i][element] = p.error;
        for (std::size_t s = 0; s < kSlots; ++s) {
          result[at.slot_output(s, i)][element] = slots[s].error;
        }
      }
    }
  });
  return result;
}

std::string random_tensors(Random& random) {
  std::string text = "n";
  const uint32_t tensors = 1 + random.next_below(1 + random.next_below(60));
  for (uint32_t i = 0; i < tensors; ++i) {
    const uint32_t most = random.next_below(4) == 0 ? 6000 : 300;
    text += (i == 0 ? "" : ",") + std::to_string(1 + random.next_below(most));
  }
  return text;
}
std::string maybe(Random& random, const char* words) {
  return random.next_below(2) ? words : "";
}

std::string random_gradients(Random& random) {
  return std::array{"", "", " gradients_bf16", " gradients_f16"}[random.next_below(4)];
}

std::string random_sgd(Random& random) {
  constexpr std::array kMomentum = {"", " momentum0.9", " momentum0.5 nesterov"};
  return random_tensors(random) + kMomentum[random.next_below(3)] + maybe(random, " decay0.0005") +
         maybe(random, " scaled") + random_gradients(random);
}
std::string random_rmsprop(Random& random) {
  return random_tensors(random) + maybe(random, " momentum0.9") + maybe(random, " decay0.01") +
         maybe(random, " alpha0.9 eps0.001") + maybe(random, " tensorflow") +
         maybe(random, " scaled") + random_gradients(random);
}
std::string random_adam(Random& random) {
  return random_tensors(random) + maybe(random, " first0.8") + maybe(random, " second0.99") +
         maybe(random, " decay0.01") + maybe(random, " decoupled") + maybe(random, " scaled") +
         random_gradients(random);
}
std::string random_lars(Random& random) {
  return random_tensors(random) + maybe(random, " momentum0") + maybe(random, " decay0.01") +
         maybe(random, " trust0.02") + maybe(random, " scaled") + random_gradients(random);
}

std::string random_clip_factor(Random& random) {
  return "n" + std::to_string(1 + random.next_below(500)) + " max" +
         std::to_string(1 + random.next_below(30)) + maybe(random, " scaled");
}

std::string random_loss_scale(Random& random) {
  return "n1 interval" + std::to_string(1 + random.next_below(3000)) + maybe(random, " growth4") +
         maybe(random, " backoff0.25");
}

std::string random_average(Random& random) {
  return random_tensors(random) + random_gradients(random);
}

constexpr OpRules kRules[] = {
    {"sgd_update", parse<SgdOptions>, random_sgd, inputs<SgdOptions>, never, bounds<SgdOptions>},
    {"rmsprop_update", parse<RmspropOptions>, random_rmsprop, inputs<RmspropOptions>, never,
     bounds<RmspropOptions>},
    {"adam_update", parse<AdamOptions>, random_adam, inputs<AdamOptions>, never,
     bounds<AdamOptions>},
    {"lars_update", parse<LarsOptions>, random_lars, inputs<LarsOptions>, never,
     bounds<LarsOptions>},
    {"average_update", parse<AverageOptions>, random_average, inputs<AverageOptions>, never,
     bounds<AverageOptions>},
    {"tensor_norms", parse_norms, random_tensors, nullptr, never},
    {"clip_factor", parse_clip_factor, random_clip_factor, clip_inputs, never},
    {"loss_scale_update", parse_loss_scale, random_loss_scale, loss_scale_inputs},
};

}  // namespace

std::span<const OpRules> optimizer_rules() {
  return kRules;
}

}  // namespace voluta::judge
