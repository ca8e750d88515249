// SPDX-License-Identifier: Apache-2.0
// The command line.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "runner/built.hpp"
#include "runner/commands.hpp"
#include "runner/linux/init.hpp"
#include "runner/measure/measurement.hpp"

namespace {

void add_list(CLI::App& app, int& code) {
    auto* const command = app.add_subcommand("list", "Print the names of the tests");
    auto arguments = std::make_shared<cmodx::list_arguments>();
    command->add_option("glob", arguments->globs, "Only tests whose name matches one of these");
    command->add_option("--arch", arguments->architecture, "Another architecture's tests");
    command->add_flag("--json", arguments->as_json, "With their parts");
    command->add_flag("--bare", arguments->bare, "The tests of the image that runs without an operating system");
    command->add_option("--subject", arguments->subjects, "Also those of the subjects in this shared object")
        ->allow_extra_args(false);
    command->callback([arguments, &code] { code = cmodx::list_tests(*arguments); });
}

void add_run(CLI::App& app, int& code, const std::vector<std::string>& command_line) {
    auto* const command = app.add_subcommand("run", "Run tests and judge what is seen");
    auto arguments = std::make_shared<cmodx::run_arguments>();
    arguments->command = command_line;
    command->add_option("glob", arguments->globs, "Only tests whose name matches one of these");
    command->add_option("--budget", arguments->budget, "Time a test: quick, default, soak, or such as 500ms, 2s, 5m");
    command->add_option("--seed", arguments->seed, "Reproduces paces, places and picks; printed by every run");
    command->add_option("--cpus", arguments->cpus, "CPUs to use, such as 0,2-3");
    command->add_option("--format", arguments->format, "table, jsonl, ktap or junit");
    command->add_option("--output", arguments->output, "Write the result document to this file");
    command->add_option("--resume", arguments->resume, "Keep the records of this broken-off run, run the rest");
    command->add_option("--machine", arguments->machine, "Name of the machine in the document");
    command->add_option("--time-scale", arguments->time_scale, "Stretch budgets and limits for a slow machine")
        ->check(CLI::Range(0.01, 1000.0));
    command->add_option("--subject", arguments->subjects, "Drive the subjects in this shared object")
        ->allow_extra_args(false);
    command
        ->add_option("--expect-fail", arguments->expect_fail,
                     "Succeed if and only if the tests fail, by these witnesses")
        ->delimiter(',');
    command->callback([arguments, &code] { code = cmodx::run_selected(*arguments); });
}

void add_facts(CLI::App& app, int& code) {
    auto* const command = app.add_subcommand("facts", "Print what rules and steps depend on, as this machine has it");
    auto as_json = std::make_shared<bool>(false);
    command->add_flag("--json", *as_json);
    command->callback([as_json, &code] { code = cmodx::show_facts(*as_json); });
}

void add_verdict(CLI::App& app, int& code) {
    auto* const command =
        app.add_subcommand("verdict", "Print what an architecture says of tests, without running them");
    auto arguments = std::make_shared<cmodx::verdict_arguments>();
    command
        ->add_option("name", arguments->names,
                     "shape+site+mapping+writer[+executor], with any steps; - alone reads names by lines")
        ->required();
    command->add_option("--arch", arguments->architecture, "Any of the four architectures; this binary's if not given");
    command->add_option(
        "--facts", arguments->facts,
        "What is known of the machine, such as idc=0,dic=0, or 'here' for this one; if not given, nothing: "
        "the verdict then promises no more than the weakest machine does");
    command->add_flag("--json", arguments->as_json, "One line of JSON a name");
    command->callback([arguments, &code] { code = cmodx::show_verdicts(*arguments); });
}

void add_explain(CLI::App& app, int& code) {
    auto* const command =
        app.add_subcommand("explain", "Print what a test does, its code, and the verdict on every architecture");
    auto arguments = std::make_shared<cmodx::explain_arguments>();
    command->add_option("name", arguments->name, "shape+site+mapping+writer[+executor], with any steps")->required();
    command->add_option("--arch", arguments->architecture,
                        "Whose code; if not given this binary's, or the first that has the test's steps");
    command->callback([arguments, &code] { code = cmodx::explain(*arguments); });
}

std::shared_ptr<cmodx::measure_arguments> add_measuring(CLI::App& command, const std::vector<std::string>& line) {
    auto arguments = std::make_shared<cmodx::measure_arguments>();
    arguments->command = line;
    command.add_option("--seconds", arguments->seconds, "Time of a map, or of the crossover")
        ->check(CLI::Range(0.1, 3600.0));
    command.add_option("--cpus", arguments->cpus, "CPUs to use, such as 0,1; the first writes");
    command.add_option("--seed", arguments->seed, "Reproduces the order; printed by every run");
    command.add_option("--format", arguments->format, "table or csv");
    command.add_option("--output", arguments->output, "Write the document to this file");
    command.add_option("--machine", arguments->machine, "Name of the machine in the document");
    return arguments;
}

void add_bench(CLI::App& app, int& code, const std::vector<std::string>& line) {
    auto* const command = app.add_subcommand("bench", "Measure what code modification costs here: the price list");
    const auto arguments = add_measuring(*command, line);
    arguments->what = "prices";
    command->add_option("what", arguments->what, "prices, or engine: the hot loops beside a bare call");
    command->add_option("--samples", arguments->samples, "Of each price")->check(CLI::Range(20, 10'000'000));
    command->callback([arguments, &code] {
        if (arguments->what != "prices" && arguments->what != "engine")
            throw cmodx::usage_error(fmt::format("bench: '{}' is neither prices nor engine", arguments->what));
        code = arguments->what == "engine" ? cmodx::bench_engine(*arguments) : cmodx::bench_prices(*arguments);
    });
}

void add_sweep(CLI::App& app, int& code, const std::vector<std::string>& line) {
    auto* const command = app.add_subcommand("sweep", "Measure where code tears here, when it arrives, what it delays");
    const auto arguments = add_measuring(*command, line);
    command->add_option("what", arguments->what, cmodx::sweep_names())->required();
    command->callback([arguments, &code] {
        const cmodx::sweep_command sweep = cmodx::find_sweep(arguments->what);
        if (sweep == nullptr)
            throw cmodx::usage_error(fmt::format("sweep: '{}' is none of {}", arguments->what, cmodx::sweep_names()));
        code = sweep(*arguments);
    });
}

// The parser would only say that a subcommand is required.
void refuse_unknown(const CLI::App& app, const std::vector<std::string>& arguments) {
    if (arguments.size() < 2 || arguments[1].starts_with('-')) return;
    std::string accepted;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == arguments[1]) return;
        accepted += " " + command->get_name();
    }
    throw cmodx::usage_error(fmt::format("unknown command '{}'; accepted are{}", arguments[1], accepted));
}

// What is opened later must not be taken for a standard descriptor that was closed: a test's process replaces those.
void occupy_standard_descriptors() {
    int file = 0;
    while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDWR);
    if (file >= 0) close(file);
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_descriptors();
    std::vector<std::string> arguments(argv, argv + argc);
    if (cmodx::is_init(arguments)) arguments = cmodx::become_init();
    std::vector<const char*> words;
    words.reserve(arguments.size());
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    int code = 0;
    CLI::App app("Is code that is modified at run time observed correctly?", "cmodx");
    app.set_version_flag("--version", fmt::format("cmodx {} ({})", cmodx::version, cmodx::commit));
    app.require_subcommand(1);
    add_list(app, code);
    add_run(app, code, arguments);
    add_facts(app, code);
    add_bench(app, code, arguments);
    add_sweep(app, code, arguments);
    add_verdict(app, code);
    add_explain(app, code);
    try {
        refuse_unknown(app, arguments);
        app.parse(static_cast<int>(words.size()), words.data());
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            throw std::runtime_error("standard output: cannot write");
    } catch (const CLI::Success& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        fmt::print(stderr, "cmodx: {} (cmodx --help says what is accepted)\n", e.what());
        return cmodx::exit_usage;
    } catch (const cmodx::usage_error& e) {
        fmt::print(stderr, "cmodx: {}\n", e.what());
        return cmodx::exit_usage;
    } catch (const std::exception& e) {
        fmt::print(stderr, "cmodx: {}\n", e.what());
        return cmodx::exit_harness;
    }
    return code;
}
