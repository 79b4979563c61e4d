#include "update_flags.h"

#include <voluta/core/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace voluta::cli {
namespace {

// What an optimiser has where no flag says otherwise, of what it reads: as PyTorch's classes have it, rmsprop_tf as
// timm's. sgd's is such that lenet5 learns MNIST to 99 % and more within six epochs. timm's lars has no momentum and no
// decay, and adapts nothing without one: it takes sgd's.
struct Defaults {
  OptimizerKind kind;
  std::optional<double> lr, weight_decay, momentum, alpha, epsilon;
};
constexpr Defaults kDefaults[] = {
    {OptimizerKind::kSgd, 0.1, 5e-4, 0.9, {}, {}},
    {OptimizerKind::kRmsprop, 0.01, 0, 0, 0.99, 1e-8},
    {OptimizerKind::kRmspropTensorflow, 0.01, 0, 0, 0.9, 1e-10},
    {OptimizerKind::kAdam, 0.001, 0, {}, {}, 1e-8},
    {OptimizerKind::kAdamW, 0.001, 0.01, {}, {}, 1e-8},
    {OptimizerKind::kLars, 1, 5e-4, 0.9, {}, 1e-8},
};

const Defaults& defaults_of(OptimizerKind kind) {
  return *std::ranges::find(kDefaults, kind, &Defaults::kind);
}

// A flag that has another default with another optimiser.
struct OwnFlag {
  const char *flag, *help;
  std::optional<double> UpdateFlags::*given;
  std::optional<double> Defaults::*standard;
  double common;  // of runs whose checkpoint does not name it
};
constexpr OwnFlag kLr = {"--lr", "Learning rate; of onecycle the highest", &UpdateFlags::lr,
                         &Defaults::lr, 0.1};
constexpr OwnFlag kOptimizerFlags[] = {
    {"--momentum", "Momentum", &UpdateFlags::momentum, &Defaults::momentum, 0.9},
    {"--wd,--weight-decay", "Weight decay; with adamw decoupled", &UpdateFlags::weight_decay,
     &Defaults::weight_decay, 5e-4},
    {"--alpha", "Decay of the squares", &UpdateFlags::alpha, &Defaults::alpha, 0.9},
    {"--epsilon", "Added to square roots, of rmsprop_tf below the root", &UpdateFlags::epsilon,
     &Defaults::epsilon, 1e-8},
};

template <class F>
void for_each_own(F&& f) {
  f(kLr);
  std::ranges::for_each(kOptimizerFlags, f);
}

// As a run's settings have it: "wd" of "--wd,--weight-decay".
std::string setting_of(const OwnFlag& own) {
  const std::string_view flag = own.flag;
  return std::string(flag.substr(2, flag.find(',') - 2));
}

// "Momentum (default: sgd 0.9, rmsprop 0)"
void declare_own(UpdateFlags& words, const OwnFlag& own, Flags& flags) {
  std::string defaults;
  for (const Defaults& d : kDefaults) {
    if (!(d.*own.standard)) continue;
    defaults +=
        fmt::format("{}{} {}", defaults.empty() ? "" : ", ", name_of(d.kind), *(d.*own.standard));
  }
  flags.add(own.flag, words.*own.given, fmt::format("{} (default: {})", own.help, defaults));
}

// Those that read it.
FlagNeed need_of(const OwnFlag& own) {
  FlagNeed need{"--" + setting_of(own), "--opt"};
  for (const Defaults& d : kDefaults) {
    if (d.*own.standard) need.values.emplace_back(name_of(d.kind));
  }
  return need;
}

void declare_optimizer(OptimizerOptions& o, UpdateFlags& words, Flags& flags) {
  flags.add("--opt", words.opt, "sgd, rmsprop, rmsprop_tf, adam, adamw or lars");
  for (const OwnFlag& own : kOptimizerFlags) declare_own(words, own, flags);
  flags.add_switch("--nesterov", o.nesterov, "Nesterov's momentum, of sgd and lars");
  flags.add("--norm-weight-decay", o.norm_weight_decay,
            "Of batch norms' weights and biases (default: as the rest)");
  flags.add("--bias-weight-decay", o.bias_weight_decay,
            "Of all biases, batch norms' too (default: as the rest)");
  flags.add("--beta1", o.beta1, "Adam: decay of the mean");
  flags.add("--beta2", o.beta2, "Adam: decay of the squares");
  flags.add("--trust", o.trust, "LARS: trust coefficient");
  flags.add("--clip-grad-norm", o.clip_grad_norm, "Largest norm of all gradients (0: no limit)");
}

void declare_schedule(ScheduleOptions& o, UpdateFlags& words, Flags& flags) {
  declare_own(words, kLr, flags);
  flags.add("--lr-scheduler", words.lr_scheduler,
            fmt::format("{} (onecycle: the rate alone; momentum is not cycled)",
                        fmt::join(schedule_names(), ", ")));
  flags.add("--lr-step-size", o.step_size, "steplr: epochs between two falls");
  flags.add("--lr-milestones", words.lr_milestones, "multisteplr: epochs of the falls, 30,60,80");
  flags.add("--lr-gamma", o.gamma, "Factor of a fall");
  flags.add("--lr-power", o.power, "polynomiallr: the power");
  flags.add("--lr-min", o.min, "cosineannealinglr: where it ends");
  flags.add("--lr-patience", o.patience, "plateau: epochs without a better test loss");
  flags.add("--lr-warmup-epochs", o.warmup_epochs, "Epochs of warm-up");
  flags.add("--lr-warmup-method", words.lr_warmup_method, "linear or constant");
  flags.add("--lr-warmup-decay", o.warmup_decay, "First rate of the warm-up, as a share of --lr");
}

WarmupMethod parse_warmup(const std::string& name) {
  if (name == "linear") return WarmupMethod::kLinear;
  if (name == "constant") return WarmupMethod::kConstant;
  invalid(fmt::format("--lr-warmup-method '{}' is unknown; known are linear, constant", name));
}

}  // namespace

void UpdateFlags::declare(TrainOptions& options, Flags& flags) {
  declare_optimizer(options.optimizer, *this, flags);
  declare_schedule(options.schedule, *this, flags);
  flags.add("--grad-accum-steps", options.grad_accum_steps,
            "Batches behind an update, which moves by their mean gradient");
  flags.add_switch("--model-ema", options.average.enabled,
                   "Average the weights; test and save the averages, and the weights beside them");
  flags.add("--model-ema-decay", options.average.decay,
            "What an average keeps, as torchvision scales it: for sets of ImageNet's size");
  flags.add("--model-ema-steps", options.average.steps, "Updates between two of the averages");
}

std::vector<FlagNeed> UpdateFlags::needs() {
  std::vector<FlagNeed> needs = {
      {"--nesterov", "--opt", {"sgd", "lars"}},
      {"--beta1", "--opt", {"adam", "adamw"}},
      {"--beta2", "--opt", {"adam", "adamw"}},
      {"--trust", "--opt", {"lars"}},
      {"--lr-step-size", "--lr-scheduler", {"steplr"}},
      {"--lr-milestones", "--lr-scheduler", {"multisteplr"}},
      {"--lr-gamma", "--lr-scheduler", {"steplr", "multisteplr", "exponentiallr", "plateau"}},
      {"--lr-power", "--lr-scheduler", {"polynomiallr"}},
      {"--lr-min", "--lr-scheduler", {"cosineannealinglr"}},
      {"--lr-patience", "--lr-scheduler", {"plateau"}},
      {"--lr-warmup-method", "--lr-warmup-epochs"},
      {"--lr-warmup-decay", "--lr-warmup-epochs"},
      {"--model-ema-decay", "--model-ema"},
      {"--model-ema-steps", "--model-ema"}};
  for (const OwnFlag& own : kOptimizerFlags) needs.push_back(need_of(own));
  return needs;
}

void UpdateFlags::finish(TrainOptions& options) const {
  OptimizerOptions& o = options.optimizer;
  o.kind = parse_optimizer(opt);
  const Defaults& own = defaults_of(o.kind);
  options.schedule.lr = lr.value_or(*own.lr);
  o.weight_decay = weight_decay.value_or(*own.weight_decay);
  o.momentum = momentum.value_or(own.momentum.value_or(0));
  o.alpha = alpha.value_or(own.alpha.value_or(0));
  o.epsilon = epsilon ? epsilon : own.epsilon;
  options.schedule.kind = parse_schedule(lr_scheduler);
  options.schedule.warmup_method = parse_warmup(lr_warmup_method);
  for (const double epoch : lr_milestones) {
    if (epoch != std::floor(epoch)) invalid("--lr-milestones must be whole epochs");
    options.schedule.milestones.push_back(static_cast<int64_t>(epoch));
  }
}

Settings UpdateFlags::settings() const {
  Settings settings;
  const Defaults& defaults = defaults_of(parse_optimizer(opt));
  for_each_own([&](const OwnFlag& own) {
    const std::optional<double> value =
        this->*own.given ? this->*own.given : defaults.*own.standard;
    if (value) settings[setting_of(own)] = {fmt::format("{}", *value)};
  });
  return settings;
}

void UpdateFlags::add_missing(Settings& settings) {
  const auto opt = settings.find("opt");
  const Defaults& defaults = defaults_of(
      opt == settings.end() ? OptimizerKind::kSgd : parse_optimizer(opt->second.back()));
  for_each_own([&](const OwnFlag& own) {
    if (!(defaults.*own.standard)) return;
    settings.try_emplace(setting_of(own), std::vector{fmt::format("{}", own.common)});
  });
}

}  // namespace voluta::cli
