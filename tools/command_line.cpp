// The one translation unit that knows CLI11.

#include "command_line.h"

#include <voluta/core/error.h>
#include <voluta/io/file.h>
#include <voluta/train/progress.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <set>
#include <sstream>
#include <system_error>

#include "arguments.h"
#include "option_flags.h"
#include "suggestion.h"
#include "wrap.h"

namespace voluta::cli {
namespace {

// Descriptions in the columns that the terminal has beside the names; 80 where there is no terminal.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override {
    return beside_names(option->get_description());
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    std::ostringstream line;
    CLI::detail::format_help(line, sub->get_name(), beside_names(sub->get_description()),
                             get_column_width());
    return line.str();
  }

 private:
  std::string beside_names(const std::string& description) const {
    constexpr std::size_t kLeast = 20;  // columns of a description on a terminal however narrow
    const std::size_t known = terminal_columns(stdout);
    const std::size_t columns = known == 0 ? 80 : known;
    std::string lines = wrapped(
        description, std::max(columns, get_column_width() + kLeast) - get_column_width(), 0);
    if (!lines.empty()) lines.pop_back();
    return lines;
  }
};

class Cli11Flags : public Flags {
 public:
  // Adds the names of lists to `lists`.
  Cli11Flags(CLI::App& app, std::set<std::string>& lists) : app_(app), lists_(lists) {}

  void add(const std::string& name, std::string& value, const std::string& help) override {
    CLI::Option* option = app_.add_option(name, value, help);
    if (!value.empty()) option->capture_default_str();
  }
  void add(const std::string& name, int64_t& value, const std::string& help) override {
    app_.add_option(name, value, help)->capture_default_str()->check(whole_number<int64_t>);
  }
  void add(const std::string& name, uint64_t& value, const std::string& help) override {
    app_.add_option(name, value, help)->capture_default_str()->check(whole_number<uint64_t>);
  }
  void add(const std::string& name, double& value, const std::string& help) override {
    app_.add_option(name, value, help)->capture_default_str()->check(real_number);
  }
  void add(const std::string& name, std::optional<int64_t>& value,
           const std::string& help) override {
    app_.add_option_function<int64_t>(
            name, [&value](int64_t given) { value = given; }, help)
        ->check(whole_number<int64_t>);
  }
  void add(const std::string& name, std::optional<double>& value,
           const std::string& help) override {
    app_.add_option_function<double>(
            name, [&value](double given) { value = given; }, help)
        ->check(real_number);
  }
  void add(const std::string& name, std::vector<double>& value, const std::string& help) override {
    lists_.insert(name);
    app_.add_option_function<std::vector<std::string>>(
            name,
            [&value](const std::vector<std::string>& lists) {
              for (const std::string& list : lists) {
                for (const std::string& word : words_between_commas(list))
                  parse_number(word, value.emplace_back());
              }
            },
            help)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(list_of_numbers)
        ->type_name("NUMBER,...");
  }
  void add(const std::string& name, std::vector<std::string>& values,
           const std::string& help) override {
    app_.add_option(name, values, help)->type_name("");
  }
  void add_switch(const std::string& name, bool& value, const std::string& help) override {
    app_.add_flag(name, value, help);
  }
  void add_required(const std::string& name, std::string& value, const std::string& help) override {
    app_.add_option(name, value, help)->required();
  }
  std::function<Settings()> given() const override {
    return [&app = app_] {
      Settings settings;
      for (const CLI::Option* option : app.get_options()) {
        if (option->count() > 0) settings[option->get_lnames().front()] = option->results();
      }
      return settings;
    };
  }

 private:
  CLI::App& app_;
  std::set<std::string>& lists_;
};

std::vector<std::string> known_words(const CLI::App& app, bool flag) {
  std::vector<std::string> words;
  if (flag) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
      words.push_back(sub->get_name());
    }
  }
  return words;
}

// "'--batchsize' is unknown; did you mean '--batch-size'?"
std::string unknown_word(const CLI::App& app, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string closest = closest_word(name, known_words(app, name.starts_with("-")));
  const std::string suggestion =
      closest.empty() ? "" : fmt::format("; did you mean '{}'?", closest);
  return fmt::format("'{}' is unknown{}", name, suggestion);
}

CLI::App& deepest_parsed(CLI::App& app) {
  CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().back();
  return *deepest;
}

std::string path_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent ? path_of(*parent) + " " + app.get_name() : app.get_name();
}

bool has_commands(const CLI::App& app) {
  return !app.get_subcommands([](const CLI::App*) { return true; }).empty();
}

// Of a command line that asks for help: a word that stands where a command is needed. Empty: there is none.
std::string unknown_command(CLI::App& root) {
  const std::vector<std::string> extra = root.remaining(true);
  const bool stands = !extra.empty() && !extra.front().starts_with("-");
  return stands && has_commands(deepest_parsed(root)) ? extra.front() : "";
}

// What is wrong with the command line.
std::string fault_of(CLI::App& root, const CLI::ParseError& error) {
  const CLI::App& app = deepest_parsed(root);
  const std::vector<std::string> extra = root.remaining(true);
  if (!extra.empty()) return unknown_word(app, extra.front());
  std::string what;
  if (has_commands(app)) {
    what = "a command is needed: ";
    for (const std::string& word : known_words(app, false)) what += word + " ";
    what.pop_back();
  } else {
    what = error.what();
    std::ranges::replace(what, '\n', ' ');
  }
  return what;
}

// One line for an error on the command line.
int refuse(CLI::App& root, const std::string& what) {
  const std::string path = path_of(deepest_parsed(root));
  std::fputs(fmt::format("{}: {} (see {} --help)\n", path, what, path).c_str(), stderr);
  return kExitUsage;
}

int report(const CLI::App& app, const char* message, int code) {
  std::fputs(fmt::format("{}: {}\n", path_of(app), message).c_str(), stderr);
  return code;
}

// "" would pass for a flag that was left out, and a run to be resumed for a new one.
void check_not_empty(const std::string& name, const std::vector<std::string>& values) {
  if (std::ranges::find(values, "") != values.end()) invalid(name + " is empty");
}

void check_not_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    check_not_empty(option->get_name(), option->results());
  }
}

// Gives the flags that the command line left alone what a file says of them.
void apply(CLI::App& app, const MoreSettings& more) {
  for (const auto& [name, values] : more.settings) {
    const std::string flag = "--" + name;
    CLI::Option* option = app.get_option_no_throw(flag);
    if (option == nullptr) invalid(more.source + ": " + unknown_word(app, flag));
    check_not_empty(more.source + ": " + flag, values);
    if (option->count() > 0) continue;
    for (const std::string& value : values) option->add_result(value);
    try {
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      invalid(more.source + ": " + error.what());
    }
  }
}

// The flags that stand on the command line, while nothing else was applied.
std::set<std::string> given_flags(const CLI::App& app) {
  std::set<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) flags.insert(option->get_name());
  }
  return flags;
}

// What the flag has in the end: given anywhere, or its default. Empty for one that the command lacks.
std::string value_of(const CLI::App& app, const std::string& flag) {
  const CLI::Option* option = app.get_option_no_throw(flag);
  if (option == nullptr) return "";
  return option->count() > 0 ? option->results().back() : option->get_default_str();
}

// Of what has commands below it.
std::string describe_group(const std::string& name) {
  if (name == "data") return "Make data sets, and how fast they are read";
  if (name == "make") return "Data sets that are drawn here";
  if (name == "visualize") return "Pictures of a model and of what it sees";
  return "";
}

// The application of "data make digits", below those of "data" and "data make".
CLI::App& add_command(CLI::App& root, const Command& command) {
  CLI::App* app = &root;
  std::istringstream words(command.name);
  for (std::string word; words >> word;) {
    const std::vector<CLI::App*> known =
        app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    app = known.empty() ? app->add_subcommand(word, describe_group(word)) : known.front();
    app->require_subcommand(1);
  }
  app->require_subcommand(0, 0);
  app->description(command.description);
  app->footer("Examples:\n" + command.examples);
  return *app;
}

int run(const Command& command, CLI::App& app) {
  try {
    check_not_empty(app);
    const std::set<std::string> given = given_flags(app);
    if (command.more_settings) {
      for (const MoreSettings& more : command.more_settings()) apply(app, more);
    }
    check_needs(command.needs, given, [&](const auto& flag) { return value_of(app, flag); });
    return command.run();
  } catch (const Error& error) {
    return report(app, with_flags(error.what()).c_str(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return report(app, "out of host memory", exit_code(ErrorKind::kOutOfMemory));
  } catch (const std::exception& error) {
    return report(app, error.what(), exit_code(ErrorKind::kFailed));
  }
}

// Where a standard stream is closed, the next file that is opened would take its number, and what is printed
// its contents. What stands there instead cannot be written either.
void keep_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDONLY));
  }
}

// A short output waits in the buffer until here, where a full disk shows.
int finish_output(const CLI::App& app, int code) {
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || code != 0) return code;
  const std::string reason =
      errno == 0 ? "" : ": " + std::error_code(errno, std::generic_category()).message();
  return report(app, ("standard output cannot be written" + reason).c_str(),
                exit_code(ErrorKind::kFailed));
}

}  // namespace

int run_command_line(int argc, char** argv, std::span<const Command> commands) {
  // A file that may not grow further is an error of the write, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  keep_standard_streams();
  CLI::App root("Convolutional networks on the GPU: train, evaluate, inspect.", VOLUTA_BINARY_NAME);
  root.set_version_flag("--version", VOLUTA_BINARY_NAME " " VOLUTA_VERSION);
  root.require_subcommand(1);
  root.footer(
      "Exit codes: 0 done, 1 failed, 2 usage, 3 no suitable device,\n"
      "4 verification failed; 130, 143 or 129 interrupted by Ctrl-C, SIGTERM or SIGHUP.\n"
      "Each command has --help with examples.");
  root.formatter(std::make_shared<HelpFormatter>());
  std::set<std::string> lists;
  const Command* chosen = nullptr;
  CLI::App* chosen_app = nullptr;
  for (const Command& command : commands) {
    CLI::App& app = add_command(root, command);
    app.callback([&] {
      chosen = &command;
      chosen_app = &app;
    });
    Cli11Flags flags(app, lists);
    command.declare(flags);
  }
  try {
    Arguments arguments({argv, static_cast<std::size_t>(argc)}, lists);
    root.parse(arguments.count(), arguments.values());
  } catch (const CLI::Success& request) {  // --help, --version
    const std::string word = unknown_command(root);
    if (!word.empty()) return refuse(root, unknown_word(deepest_parsed(root), word));
    return finish_output(root, root.exit(request));
  } catch (const CLI::ParseError& error) {
    return refuse(root, fault_of(root, error));
  }
  return finish_output(*chosen_app, run(*chosen, *chosen_app));
}

}  // namespace voluta::cli
