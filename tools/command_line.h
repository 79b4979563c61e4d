#pragma once

// The command line's frame: subcommands declare their flags through Flags and are run by
// run_command_line. CLI11 stays behind it, in command_line.cpp alone.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "flag_needs.h"

namespace voluta::cli {

// Flags by their names without dashes, and their values: what a recipe or a checkpoint holds.
using Settings = std::map<std::string, std::vector<std::string>>;

// Declares flags that write into variables; a variable's value before is the default. Names are
// "--batch-size", or "-b,--batch-size", or "model,--model" for one that may also stand alone.
class Flags {
 public:
  virtual ~Flags() = default;
  virtual void add(const std::string& name, std::string& value, const std::string& help) = 0;
  virtual void add(const std::string& name, int64_t& value, const std::string& help) = 0;
  virtual void add(const std::string& name, uint64_t& value, const std::string& help) = 0;
  virtual void add(const std::string& name, double& value, const std::string& help) = 0;
  // Empty where the flag is not given.
  virtual void add(const std::string& name, std::optional<int64_t>& value,
                   const std::string& help) = 0;
  virtual void add(const std::string& name, std::optional<double>& value,
                   const std::string& help) = 0;
  // Numbers with commas between them: "0.5,0.4,0.3". One word: what comes after it is no part of the list.
  virtual void add(const std::string& name, std::vector<double>& value,
                   const std::string& help) = 0;
  // Every word that belongs to no other flag, for a name without dashes: "item".
  virtual void add(const std::string& name, std::vector<std::string>& values,
                   const std::string& help) = 0;
  virtual void add_switch(const std::string& name, bool& value, const std::string& help) = 0;
  virtual void add_required(const std::string& name, std::string& value,
                            const std::string& help) = 0;
  // Once the command line is read: what it and `more_settings` gave, without defaults.
  virtual std::function<Settings()> given() const = 0;
};

// Settings that come from elsewhere than the command line, which wins over them.
struct MoreSettings {
  std::string source;  // a path, for errors
  Settings settings;
};

struct Command {
  std::string name;  // "train", "data make digits"
  std::string description;
  std::string examples;  // shown by --help
  std::function<void(Flags&)> declare;
  std::function<int()> run;  // the exit code; throws voluta::Error
  // Called between the two, where it is not empty: files that the flags name and that set flags
  // themselves. Of two that set one flag the first wins.
  std::function<std::vector<MoreSettings>()> more_settings = {};
  // Held against the flags of the command line alone: a recipe may have settings of what its user
  // exchanged for another.
  std::vector<FlagNeed> needs = {};
};

inline constexpr int kExitUsage = 2;

// Parses, runs the chosen command and returns the exit code of DESIGN section 7. Every error is one
// line on standard error.
int run_command_line(int argc, char** argv, std::span<const Command> commands);

// Each subcommand, in a file of its own.
Command devices_command();
Command summary_command();
Command data_make_digits_command();
Command data_bench_command();
Command train_command();
Command eval_command();
Command predict_command();
Command visualize_filters_command();
Command visualize_activations_command();
Command visualize_gradcam_command();
Command visualize_saliency_command();
Command visualize_graph_command();
Command forward_command();
Command compare_command();

}  // namespace voluta::cli
