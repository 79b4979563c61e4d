// voluta train: trains a model, leaves metrics.jsonl and weights.safetensors.

#include <voluta/core/error.h>
#include <voluta/core/memory/memory_stats.h>
#include <voluta/train/checkpoint.h>
#include <voluta/train/metrics_log.h>
#include <voluta/train/progress.h>
#include <voluta/train/trainer.h>
#include <voluta/train/weights.h>

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "command_line.h"
#include "common_flags.h"
#include "data_flags.h"
#include "interrupt.h"
#include "model_flags.h"
#include "note.h"
#include "output_folder.h"
#include "picture_flags.h"
#include "picture_views.h"
#include "plan_listing.h"
#include "recipe.h"
#include "run_folder.h"
#include "run_lock.h"
#include "train_messages.h"
#include "update_flags.h"

namespace voluta::cli {
namespace {

struct TrainArguments {
  std::string config, resume, output_dir;
  bool overwrite = false;
  std::unique_ptr<RunLock> lock;  // of --resume
  int64_t keep_checkpoints = 2;
  std::optional<Checkpoint> checkpoint;  // of --resume
  std::function<Settings()> given;
  int64_t test_limit = -1;
  bool json = false, verbose = false;
  ReplayFlag replay;
  ModelFlags model;
  WeightsFlag weights;
  DataFlags data;
  DataSource source = {};  // to which the flags of the data lead
  PictureFlags pictures;
  struct {
    ModelFlags model;
    PictureFlags pictures;
    std::optional<double> norm_weight_decay;
  } own;  // as the command line alone says: no file has a part in it
  DeviceFlags device;
  UpdateFlags updates;
  TrainOptions options{.batch_size = 64, .epochs = 6};
};

void declare(TrainArguments& a, Flags& flags) {
  a.given = flags.given();
  flags.add("--config", a.config, "Recipe: a TOML file that sets flags, as recipes/*.toml");
  flags.add("--resume", a.resume, "Go on with the run in this folder, with the flags it had");
  flags.add("--keep-checkpoints", a.keep_checkpoints, "Checkpoints that stay, the newest ones");
  flags.add("--checkpoint-steps", a.options.checkpoint_steps,
            "Steps between checkpoints, besides those after each epoch (0: none)");
  a.model.declare(flags, "--model", "of the weights, else lenet5",
                  "of the weights, else of the data");
  a.model.declare_training(flags);
  a.weights.declare(flags, false);
  a.data.declare(flags);
  a.pictures.declare(flags, true);
  a.pictures.declare_batch_augmentation(flags);
  flags.add("--output-dir", a.output_dir,
            "Folder for weights.safetensors and metrics.jsonl (default: runs/<model>)");
  flags.add_switch("--overwrite", a.overwrite, "Remove the run that --output-dir holds");
  TrainOptions& o = a.options;
  flags.add("-b,--batch-size", o.batch_size, "Images in a step");
  flags.add("--epochs", o.epochs, "Passes over the training images");
  flags.add("--max-steps", o.max_steps, "Stop after this many steps (0: no limit)");
  a.updates.declare(o, flags);
  flags.add("--label-smoothing", o.label_smoothing, "Share of the label given to all classes");
  flags.add("--seed", o.seed, "Of initial values, shuffling and augmentation");
  flags.add("--print-freq", o.print_freq, "Steps between reports (0: twice a second)");
  flags.add("--test-limit", a.test_limit, "Test on the first N images (-1: all, 0: do not test)");
  a.replay.declare(flags);
  flags.add_switch("--json", a.json, "The result as one JSON document on standard output");
  flags.add_switch("-v,--verbose", a.verbose, "Name the engine of each step of the plan");
  a.device.declare(flags);
}

std::string headline(const TrainArguments& a, const ModelEntry& model, const Trainer& trainer,
                     const Dataset& train, const RunPosition& position) {
  const Plan& plan = trainer.plan();
  const std::string from = position.total_step == 0 ? ""
                                                    : fmt::format(", from step {} of epoch {}",
                                                                  position.step, position.epoch);
  return fmt::format(
      "training {} ({} parameters) on {} ({}): {} images, batch {}, {} at {}, plan {} in the arena "
      "(naive {}) and {} of state and inputs{}",
      model.name, grouped(parameter_count(trainer.graph())), to_string(plan.device()),
      properties(plan.device()).name, grouped(train.count()), trainer.batch_size(), a.updates.opt,
      a.options.schedule.lr, format_bytes(plan.arena_bytes()), format_bytes(plan.naive_bytes()),
      format_bytes(plan.persistent_bytes()), from);
}

void give_weights(const TrainArguments& a, const LoadedWeights& weights, Trainer& trainer) {
  if (a.weights.weights.empty()) return;
  check_fit(weights, a.weights, a.own.model, trainer.step());
  load_weights(weights.file, a.weights.weights, trainer.session(), trainer.step(),
               a.weights.allow_partial);
}

// What a resumed run is started with again, from whatever folder: the flags that were given, but for
// those that say how the run is shown and where it lies, and the data that were found without flags.
Settings settings_of_run(const TrainArguments& a, const ModelEntry& model) {
  Settings settings = a.given();
  for (const char* name :
       {"config", "resume", "output-dir", "overwrite", "quiet", "verbose", "json"}) {
    settings.erase(name);
  }
  const auto absolute = [](const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
  };
  for (std::string& path : settings["weights"]) path = absolute(path);
  if (settings["weights"].empty()) settings.erase("weights");
  settings["data-path"] = {absolute(a.source.folder)};
  settings["dataset"] = {a.source.name()};
  settings.merge(a.updates.settings());  // adds what no flag said
  settings["model"] = {std::string(model.name)};
  return settings;
}

ReportFacts report_facts(const TrainArguments& a, const DataSets& data, const ModelEntry& model) {
  return {std::string(model.name), data.preprocessing.class_names, data.train->count(),
          a.options.evaluate ? data.test->count() : 0, settings_of_run(a, model)};
}

std::vector<MoreSettings> more_settings(TrainArguments& a) {
  a.own = {a.model, a.pictures, a.options.optimizer.norm_weight_decay};
  std::vector<MoreSettings> more;
  if (!a.resume.empty()) {
    if (!a.output_dir.empty()) invalid("--resume names the run's folder; leave out --output-dir");
    if (!a.weights.weights.empty()) invalid("--resume has weights of its own; leave out --weights");
    if (a.overwrite) invalid("--resume goes on with the run; leave out --overwrite");
    if (std::filesystem::is_directory(a.resume)) a.lock = std::make_unique<RunLock>(a.resume);
    a.checkpoint = read_newest_checkpoint(a.resume);
    UpdateFlags::add_missing(a.checkpoint->settings);
    more.push_back({a.checkpoint->path, a.checkpoint->settings});
  }
  if (!a.config.empty()) more.push_back(read_recipe(a.config));
  return more;
}

std::vector<FlagNeed> needs() {
  std::vector<FlagNeed> needs = UpdateFlags::needs();
  needs.push_back({"--allow-partial", "--weights"});
  return needs;
}

// Throws invalid() for flags of layers that the model does not have.
void check_effect(const TrainArguments& a, const Graph& graph, std::string_view model) {
  a.own.model.check_effect(graph, model);
  if (a.own.norm_weight_decay) check_has_batch_norm("--norm-weight-decay", graph, model);
}

std::string output_folder(const TrainArguments& a, const ModelEntry& model) {
  if (!a.resume.empty()) return a.resume;
  return a.output_dir.empty() ? fmt::format("runs/{}", model.name) : a.output_dir;
}

// Throws where the folder's contents stand in the way of a new run.
void check_may_begin(const TrainArguments& a, const OutputFolder& folder) {
  if (!a.overwrite) return check_holds_no_run(folder);
  if (!a.weights.weights.empty()) check_keeps(folder, a.weights.weights);
}

void announce(const TrainArguments& a, const ModelEntry& model, const Trainer& trainer,
              const Dataset& train, const RunPosition& start) {
  if (trainer.is_complete(start)) {
    const bool epochs = start.epoch > a.options.epochs;
    note(fmt::format(
        "the run in {} has done its {}; --{} says how far to go on\n", a.resume,
        epochs ? counted(a.options.epochs, "epoch") : counted(a.options.max_steps, "step"),
        epochs ? "epochs" : "max-steps"));
    return;
  }
  if (!a.device.quiet) {
    const std::string line = headline(a, model, trainer, train, start) + "\n";
    std::fputs(line.c_str(), a.json ? stderr : stdout);
    std::fflush(stdout);
    if (trainer.batch_size() < a.options.batch_size) {
      note(fmt::format("batch {}: the data have no more\n", grouped(trainer.batch_size())));
    }
  }
  if (!a.device.quiet) note_averages(a.options, trainer);
  if (a.verbose) note(plan_text(trainer.plan()));
}

// The model and what it starts from. A run that goes on has its weights in its checkpoint, and what their file said.
LoadedWeights start_weights(const TrainArguments& a) {
  const std::string& path = a.weights.weights;
  if (!a.checkpoint || path.empty()) return load_or_describe(path, a.model, "lenet5");
  if (a.checkpoint->origin) return describe(path, a.checkpoint->origin->start_weights, a.model);
  try {
    return load_or_describe(path, a.model, "");
  } catch (const Error& error) {
    fail(error.kind(), fmt::format("{}; {}, which an older version wrote, cannot go on without it",
                                   error.what(), a.checkpoint->path));
  }
}

RunOrigin origin(const DataSets& data, const LoadedWeights& weights) {
  return {training_data(*data.train, data.preprocessing.class_names),
          weights.description ? metadata_of(*weights.description) : Metadata{}};
}

// Throws invalid() where the run was trained on other pictures.
void check_same_data(const TrainArguments& a, const TrainingData& now) {
  const Checkpoint& from = *a.checkpoint;
  if (!from.origin) {
    note(
        fmt::format("{}: an older version wrote it, and does not say on which pictures; going on "
                    "with those of {}\n",
                    from.path, a.source.folder));
    return;
  }
  const std::string found = difference(now, from.origin->data);
  if (found.empty()) return;
  invalid(fmt::format(
      "{} does not hold what the run in {} was trained on: {}; --data-path says where that is, and "
      "--weights {}/weights.safetensors starts a new run on other pictures",
      a.source.folder, a.resume, found, a.resume));
}

// The states that a run starts with, as another trainer of the same options has them.
void begin_again(const TrainArguments& a, const DataSets& data, const LoadedWeights& weights,
                 Session& session) {
  Trainer fresh(*weights.model, *data.train, *data.test, a.options);
  give_weights(a, a.checkpoint ? load_or_describe(a.weights.weights, a.model, "") : weights, fresh);
  for (const std::string& name : session.state_names()) {
    session.write_state(name, fresh.session().read_state(name));
  }
}

// Trains until the end or an interrupt, reporting to the folder and the terminal. The exit code.
int train_to_end(const TrainArguments& a, const DataSets& data, const LoadedWeights& weights,
                 Trainer& trainer, RunFolder& run, const std::string& output_dir) {
  ProgressDisplay display(stderr, a.device.quiet ? ProgressStyle::kSilent : progress_style(stderr),
                          a.options.print_freq > 0);
  const auto record = [&](const auto& report) {
    run.record(report);
    display.show(report);
  };
  const auto record_epoch = [&](const EpochReport& report) {
    record(report);
    note_loss(report.test, report.total_step);
  };
  const auto checkpoint = [&](const RunPosition& position) { run.checkpoint(position); };
  const auto rewind = [&](Session& session) {
    const std::optional<RunPosition> position = run.rewind();
    if (!position) begin_again(a, data, weights, session);
    return position.value_or(RunPosition{});
  };
  const InterruptGuard interrupt;
  const TrainResult result = run_on(data, [&] {
    return trainer.run({.on_step = record,
                        .on_epoch = record_epoch,
                        .on_checkpoint = checkpoint,
                        .on_test_batch = [&](const TestBatch& batch) { run.record(batch); },
                        .rewind = rewind},
                       &interrupt.requested(), run.start());
  });
  const std::string saved = run.save_weights();
  // Of a run that was complete already the page tells more than this process knows.
  const bool complete = trainer.is_complete(run.start());
  if (complete) note_loss(result.test, result.steps);
  if (!complete || !run.has_report())
    run.report(fmt::format("{} after {}", result.interrupted ? "interrupted" : "done",
                           counted(result.steps, "step")));
  if (result.interrupted) {
    display.clear_bar();
    note(
        fmt::format("interrupted after {}; the weights are in {}; to go on: {} train --resume {}\n",
                    counted(result.steps, "step"), saved, VOLUTA_BINARY_NAME, output_dir));
    return interrupt.exit_code();
  }
  print_result(a.json, weights.model->name, result, trainer.plan(), output_dir);
  return 0;
}

int run(TrainArguments& a) {
  TrainOptions& options = a.options;
  a.updates.finish(options);
  options.use_graph = a.replay.options().use_graph;
  options.evaluate = a.test_limit != 0;
  if (options.schedule.kind == ScheduleKind::kPlateau && !options.evaluate) {
    invalid("plateau goes by the test loss: --test-limit must not be 0");
  }
  if (a.keep_checkpoints < 1) invalid("--keep-checkpoints must be at least 1");
  check_options(options);
  a.data.check();
  check_test_limit(a.test_limit, 0);
  a.pictures.check();
  options.plan = a.device.plan_options();
  const LoadedWeights weights = start_weights(a);
  const ModelEntry& model = *weights.model;
  options.model = weights.options;
  options.data_type = a.device.data_type();
  const std::string output_dir = output_folder(a, model);
  const OutputFolder folder(output_dir);
  const std::unique_ptr<RunLock> lock =
      a.lock ? std::move(a.lock) : std::make_unique<RunLock>(output_dir);
  if (!a.checkpoint) check_may_begin(a, folder);
  a.source = a.data.source(model);
  check_settings(settings_of_run(a, model));

  const DataRequest request{.data = a.data,
                            .pictures = a.pictures,
                            .weights = weights,
                            .training = true,
                            .test_limit = a.test_limit,
                            .seed = options.seed,
                            .quiet = a.device.quiet,
                            .own_pictures = a.own.pictures};
  const DataSets data = open_data(request);
  const RunOrigin from = origin(data, weights);
  if (a.checkpoint) check_same_data(a, from.data);
  const bool kept = !a.checkpoint && !a.model.classes;
  if (kept) note_kept_outputs(request, data.preprocessing.class_names);
  options.augmentation = a.pictures.batch_augmentation(data.preprocessing.normalization);
  Trainer trainer(model, *data.train, *data.test, options);
  check_effect(a, trainer.graph(), model.name);
  if (a.checkpoint) {
    trainer.check_start(a.checkpoint->position);
    restore(*a.checkpoint, trainer.session());
  } else {
    give_weights(a, weights, trainer);
  }
  a.device.note_cpu(options.plan, "training", a.verbose);
  RunFolder run(folder, trainer,
                {std::string(model.name), trainer.classes(), data.preprocessing,
                 options.model.width, options.model.epsilon},
                report_facts(a, data, model),
                {a.keep_checkpoints, settings_of_run(a, model), from, a.checkpoint});
  announce(a, model, trainer, *data.train, run.start());
  a.device.note_plan(trainer.plan());
  return train_to_end(a, data, weights, trainer, run, output_dir);
}

}  // namespace

Command train_command() {
  auto a = std::make_shared<TrainArguments>();
  return {.name = "train",
          .description = "Train a model",
          .examples =
              "  voluta train --model lenet5 --output-dir runs/lenet5\n"
              "  voluta train --data-path data/digits --epochs 3 --batch-size 128 --lr 0.2\n"
              "  voluta train --model resnet20 --dataset cifar10 --epochs 30 --batch-size 128\n"
              "  voluta train --model mobilenet_v2 --width 0.5 --data-path pictures "
              "--train-crop-size 96\n"
              "  voluta train --weights runs/lenet5/weights.safetensors --lr 0.01 --epochs 1 "
              "--output-dir runs/finer\n"
              "  voluta train --config recipes/resnet20-cifar10.toml --seed 1\n"
              "  voluta train --resume runs/resnet20\n"
              "  voluta train --device cpu --engines reference --max-steps 20 --print-freq 1",
          .declare = [a](Flags& flags) { declare(*a, flags); },
          .run = [a] { return run(*a); },
          .more_settings = [a] { return more_settings(*a); },
          .needs = needs()};
}

}  // namespace voluta::cli
