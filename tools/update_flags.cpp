#include "update_flags.h"

#include <voluta/core/error.h>

#include <fmt/format.h>

#include <cmath>

namespace voluta::cli {
namespace {

void declare_optimizer(OptimizerOptions& o, std::string& kind, Flags& flags) {
  flags.add("--opt", kind, "sgd, rmsprop, rmsprop_tf, adam, adamw or lars");
  flags.add("--momentum", o.momentum, "Of sgd, rmsprop and lars");
  flags.add_switch("--nesterov", o.nesterov, "Nesterov's momentum, of sgd and lars");
  flags.add("--wd,--weight-decay", o.weight_decay, "Weight decay; with adamw decoupled");
  flags.add("--norm-weight-decay", o.norm_weight_decay, "Of batch norms (default: as the rest)");
  flags.add("--bias-weight-decay", o.bias_weight_decay, "Of biases (default: as the rest)");
  flags.add("--beta1", o.beta1, "Adam: decay of the mean");
  flags.add("--beta2", o.beta2, "Adam: decay of the squares");
  flags.add("--alpha", o.alpha, "RMSProp: decay of the squares");
  flags.add("--epsilon", o.epsilon, "Added to square roots (default: 1e-8)");
  flags.add("--trust", o.trust, "LARS: trust coefficient");
  flags.add("--clip-grad-norm", o.clip_grad_norm, "Largest norm of all gradients (0: no limit)");
}

void declare_schedule(ScheduleOptions& o, UpdateFlags& words, Flags& flags) {
  flags.add("--lr", o.lr, "Learning rate; of onecycle the highest");
  flags.add("--lr-scheduler", words.lr_scheduler,
            fmt::format("{}", fmt::join(schedule_names(), ", ")));
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
  declare_optimizer(options.optimizer, opt, flags);
  declare_schedule(options.schedule, *this, flags);
  flags.add("--grad-accum-steps", options.grad_accum_steps,
            "Batches behind an update, which moves by their mean gradient");
  flags.add_switch("--model-ema", options.average.enabled,
                   "Average the weights; test and save the averages");
  flags.add("--model-ema-decay", options.average.decay,
            "What an average keeps, as torchvision scales it: for sets of ImageNet's size");
  flags.add("--model-ema-steps", options.average.steps, "Updates between two of the averages");
}

std::vector<FlagNeed> UpdateFlags::needs() {
  return {{"--momentum", "--opt", {"sgd", "rmsprop", "rmsprop_tf", "lars"}},
          {"--nesterov", "--opt", {"sgd", "lars"}},
          {"--beta1", "--opt", {"adam", "adamw"}},
          {"--beta2", "--opt", {"adam", "adamw"}},
          {"--alpha", "--opt", {"rmsprop", "rmsprop_tf"}},
          {"--epsilon", "--opt", {"rmsprop", "rmsprop_tf", "adam", "adamw", "lars"}},
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
}

void UpdateFlags::finish(TrainOptions& options) const {
  options.optimizer.kind = parse_optimizer(opt);
  options.schedule.kind = parse_schedule(lr_scheduler);
  options.schedule.warmup_method = parse_warmup(lr_warmup_method);
  for (const double epoch : lr_milestones) {
    if (epoch != std::floor(epoch)) invalid("--lr-milestones must be whole epochs");
    options.schedule.milestones.push_back(static_cast<int64_t>(epoch));
  }
}

}  // namespace voluta::cli
