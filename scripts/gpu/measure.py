#!/usr/bin/env python3
"""Tests and measures Voluta on one device; run by run.sh: measure.py BUNDLE [--part first]

Writes into $OUT, each file with device, driver, date and commit, and each as soon as it has news:
  preflight.json  device, libraries and their versions, PyTorch
 first, what must be known before anything is believed:
  baselines.json  copy bandwidth, a bf16 product, PyTorch's eager training steps
  tests.json      every test program; per op and engine problems, failures, hangs and crashes
  ladder.json     every step of examples/ladder; scripts/gpu/ladder.py makes a table of it
 second, what takes turns with the vendor; --tests names the tests.json of the first part:
  ops.json        `voluta compare --mode perf`: every engine on each layer of whole models
  compiled.json   PyTorch's training steps under torch.compile; of --part all in baselines.json
  training.json   two runs bit for bit, losses against the CPU reference, images/s against PyTorch
 and of both:
  logs.tar.gz     what every process printed
Standard library of Python 3.11 only. Goes on after a failure; the exit code tells.
"""
import argparse
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import baselines
import preflight
import processes
from bench import Bench, last_line
from comparisons import Comparisons
from device_tests import DeviceTests
from training import Training

EXIT_FAILED, EXIT_STOPPED = 1, 3
BUDGETS = {"first": 290, "second": 480, "all": 570}
# How the budget is shared on a GPU, in seconds; what a step leaves, the next ones may take.
BASELINES, TESTS, LADDER = 90, 170, 20
OPS, COMPILE, TRAINING = 270, 130, 60


def measure_ladder(bench):
    """The steps of kernels/conv2d/README.md; a GPU's alone."""
    steps = bench.logs / "ladder-steps.json"
    outcome, _, error = bench.call(bench.program("ladder"), "--json", steps, "--samples",
                                   bench.args.samples, limit=LADDER,
                                   environment={"VOLUTA_WATCHDOG": "10"})
    if outcome.code or outcome.cut:
        bench.fail(f"ladder: {outcome.text()} {last_line(error)}")
    if steps.exists():
        bench.write("ladder.json", json.loads(steps.read_text()))


def steps_of(bench):
    """(name, seconds that it may take, how) in order."""
    def tests(seconds):
        DeviceTests(bench).run(bench.left() - seconds)

    def ops(seconds):
        Comparisons(bench).run(bench.left() - seconds)

    first = [("baselines", BASELINES, lambda seconds: baselines.run(bench, seconds)),
             ("tests", TESTS, tests)]
    if bench.cuda():
        first.append(("ladder", LADDER, lambda _: measure_ladder(bench)))
    second = [("ops", OPS, ops),
              ("compile", COMPILE, lambda seconds: baselines.run(
                  bench, seconds, "--compiled", "--patience", max(1, int(seconds - 20)))),
              ("training", TRAINING, lambda _: Training(bench).run())]
    return {"first": first, "second": second, "all": first + second}[bench.args.part]


def measure(bench):
    """A step that has to be cut leaves each later one its share: all seconds shrink alike."""
    steps = [step for step in steps_of(bench) if step[0] not in bench.args.skip]
    for i, (name, seconds, work) in enumerate(steps):
        later = sum(step[1] for step in steps[i + 1:])
        share = bench.left() * seconds / (seconds + later)
        bench.say(f"--- {name}: {share:.0f} of {bench.left():.0f} s left")
        try:
            work(share)
        except Exception as error:  # a mistake in a step must not take the others
            bench.fail(f"{name}: {type(error).__name__}: {error}")
            (bench.logs / f"{name}.traceback").write_text(traceback.format_exc())
        bench.bundle_logs()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--part", choices=BUDGETS, default="all")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--budget", type=float, help=f"seconds for everything: {BUDGETS}")
    parser.add_argument("--without-vendor", action="store_true",
                        help="go on where cuDNN or cuBLASLt is missing")
    parser.add_argument("--skip", nargs="*", default=[], metavar="STEP",
                        help="baselines, tests, ladder, ops, compile, training")
    parser.add_argument("--tests", type=Path, help="tests.json of the first part")
    parser.add_argument("--filter", help="GoogleTest filter, to test less")
    parser.add_argument("--isolate", default="*tma_wgmma*", metavar="PATTERN",
                        help="engines that run in processes of their own")
    parser.add_argument("--ordinary-limit", type=float, default=100, metavar="SECONDS",
                        help="for the tests of all other engines")
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 256], metavar="N",
                        help="of the models that voluta compare times")
    parser.add_argument("--compare", nargs="+", metavar="ITEM", help="in place of these models")
    parser.add_argument("--precision", default="bf16", help="of voluta compare")
    parser.add_argument("--samples", type=int, default=11)
    parser.add_argument("--pairs", type=int, default=3, help="turns of the race")
    args = parser.parse_args()
    args.budget = args.budget or BUDGETS[args.part]
    if args.tests and not args.tests.exists():
        parser.error(f"--tests {args.tests}: no such file")
    if args.device == "cpu":  # a dry run: the same steps on what a CPU does soon
        args.compare = args.compare or ["lenet5.n2"]
        args.isolate, args.precision, args.pairs = "onednn", "f32", 1
    return args


def end_at_signal(bench):
    """Ends the children, keeps the logs."""
    def handler(number, _):
        processes.end_all()
        bench.say(f"FAILED: ended by signal {number}")
        bench.bundle_logs()
        os._exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handler)


def main():
    args = parse()
    with tempfile.TemporaryDirectory(prefix="voluta-") as work:
        bench = Bench(args.bundle.resolve(), Path(work), args)
        end_at_signal(bench)
        bench.keep_bundling()
        there = preflight.run(bench)
        if there:
            measure(bench)
        bench.bundle_logs()
        for problem in bench.problems:
            print("FAILED", problem)
        bench.say("done")
    if not there:
        return EXIT_STOPPED
    return EXIT_FAILED if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
