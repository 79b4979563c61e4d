#!/usr/bin/env python3
"""Tests and measures Voluta on one device; run by run.sh: measure.py BUNDLE [--device cuda]

Writes into $OUT, each file with device, driver, date and commit:
  tests.json     cases passed, failed and skipped of every test program; the failures in full
  training.json  two runs bit for bit, losses against the CPU reference, images/s against PyTorch
  ops.json       `voluta compare`: every engine on each layer of --compare; ops.html shows it
  ladder.json    every step of examples/ladder; scripts/gpu/ladder.py makes a table of it
Standard library only. Goes on after a failure; the exit code tells.
"""
import argparse
import concurrent.futures
import datetime
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXIT_FAILED, EXIT_NO_DEVICE = 1, 3
TEST_PROGRAMS = ("core_tests", "graph_tests", "goldens_tests", "models_tests",
                 "train_tests")
KERNEL_SHARDS = max(1, min(8, (os.cpu_count() or 1) // 2))


class Bench:
    def __init__(self, bundle, args):
        self.bundle, self.args = bundle, args
        self.out = Path(os.environ.get("OUT", "results"))
        self.deadline = time.monotonic() + args.budget
        self.problems = []  # what went wrong, one line each
        now = datetime.datetime.now(datetime.timezone.utc)
        self.about = {"date": now.isoformat(" ", "seconds"),
                      **json.loads((bundle / "manifest.json").read_text())}

    def left(self):
        return max(1.0, self.deadline - time.monotonic())

    def call(self, *words, environment=None):
        """(exit code, standard output, standard error); 124 where the time was up."""
        command = [str(word) for word in words]
        try:
            done = subprocess.run(command, text=True, capture_output=True, timeout=self.left(),
                                  env={**os.environ, **(environment or {})})
            return done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            return 124, "", "the time budget was used up"

    def program(self, name):
        return self.bundle / "bin" / name

    def fail(self, text):
        self.problems.append(text)
        print("FAILED", text)

    def write(self, name, content):
        path = self.out / name
        path.write_text(json.dumps({**self.about, **content}, indent=1) + "\n")
        print("wrote", path)

    # The device that results are of. Answers False where there is none.
    def find_device(self):
        code, text, error = self.call(self.program("voluta"), "devices", "--json")
        if code:
            self.fail(f"voluta devices: {error.strip()}")
            return False
        found = json.loads(text)
        for device in found["devices"]:
            if device["device"].startswith(self.args.device):
                self.about["device"], self.about["driver"] = device["name"], device["driver"]
                print(f"{device['device']}: {device['name']}, driver {device['driver'] or '-'}")
                return True
        print(f"no {self.args.device} device: {found['cuda_unavailable']}")
        return False

    def run_tests(self):
        shards = [(name, 1, 0) for name in TEST_PROGRAMS]
        shards += [("kernel_tests", KERNEL_SHARDS, i) for i in range(KERNEL_SHARDS)]
        with concurrent.futures.ThreadPoolExecutor(KERNEL_SHARDS) as pool:
            results = list(pool.map(lambda shard: self.run_test_program(*shard), shards))
        self.write("tests.json", {"programs": results})

    def run_test_program(self, name, shards, index):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            begin = time.monotonic()
            code, text, error = self.call(
                self.program(name), "--gtest_brief=1", f"--gtest_output=json:{report}",
                *([f"--gtest_filter={self.args.filter}"] if self.args.filter else []),
                environment={"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(index),
                             "OMP_NUM_THREADS": "1"})
            cases = []
            if report.exists():
                for suite in json.loads(report.read_text())["testsuites"]:
                    cases += [(suite["name"], case) for case in suite["testsuite"]]
        failures = [{"test": f"{suite}.{case['name']}",
                     "why": [failure["failure"][:2000] for failure in case["failures"]][:3]}
                    for suite, case in cases if "failures" in case]
        skipped = sum(case["result"] == "SKIPPED" for _, case in cases)
        row = {"program": name, "shard": f"{index + 1}/{shards}", "exit_code": code,
               "passed": len(cases) - len(failures) - skipped, "failed": len(failures),
               "skipped": skipped, "seconds": round(time.monotonic() - begin, 1),
               "failures": failures[:50],
               # The judge's table of engines stands at the end.
               "ledger": [line for line in text.splitlines() if " problems " in line]}
        print(f"{name} {row['shard']}: {row['passed']} passed, {row['failed']} failed, "
              f"{skipped} skipped, {row['seconds']} s")
        if code:
            self.fail(f"{name} {row['shard']}: exit code {code} {error.strip()[-300:]}")
        return row

    # One training run: (exit code, folder's metrics, SHA-256 of the weights).
    def train(self, *flags):
        with tempfile.TemporaryDirectory() as folder:
            code, _, error = self.call(
                self.program("voluta"), "train", "--data-path", self.bundle / "data" / "mnist",
                "--output-dir", folder, "--quiet", "--seed", 1, *flags)
            if code:
                self.fail(f"voluta train {' '.join(map(str, flags))}: {error.strip()[-300:]}")
                return [], None
            metrics = [json.loads(line) for line in open(f"{folder}/metrics.jsonl")]
            weights = (Path(folder) / "weights.safetensors").read_bytes()
            return metrics, hashlib.sha256(weights).hexdigest()

    def check_determinism(self):
        flags = ("--device", self.args.device, "--max-steps", 100, "--test-limit", 0)
        runs = [self.train(*flags)[1], self.train(*flags)[1],
                self.train(*flags, "--no-cuda-graph")[1]]
        same = runs[0] is not None and len(set(runs)) == 1
        if not same:
            self.fail("100 steps do not give the same weights three times")
        return {"steps": 100, "bit_identical": same, "sha256": runs,
                "runs": "graph, graph, launched step by step"}

    def compare_losses(self):
        # A rate at which the parameters move: small differences grow.
        flags = ("--max-steps", 20, "--print-freq", 1, "--test-limit", 0, "--lr", 0.05,
                 "--lr-scheduler", "constant")
        losses = []
        for device in ((self.args.device,), ("cpu", "--engines", "reference")):
            metrics, _ = self.train("--device", *device, *flags)
            losses.append([line["loss"] for line in metrics if line["event"] == "step"])
        if not losses[0] or len(losses[0]) != len(losses[1]):
            self.fail("no losses to compare with the reference's")
            return {}
        worst = max(abs(a - b) / abs(b) for a, b in zip(*losses))
        return {"steps": len(losses[0]), "device": losses[0], "cpu_reference": losses[1],
                "largest_relative_difference": worst}

    def voluta_rate(self, *flags):
        metrics, _ = self.train("--device", self.args.device, "--epochs", 2, *flags)
        epochs = [line for line in metrics if line["event"] == "epoch"]
        return epochs[-1]["images_per_second"] if epochs else None

    def torch_rate(self, *flags):
        code, text, error = self.call(
            sys.executable, self.bundle / "bench_epoch_torch.py", "--data-path",
            self.bundle / "data" / "mnist", "--device", self.args.device, "--epochs", 2, *flags)
        if code:
            return None, error.strip().splitlines()[-1:] or [f"exit code {code}"]
        answer = json.loads(text)
        return answer["images"] / answer["seconds"][-1], answer["framework"]

    # Images per second of LeNet-5, batch 64, f32; voluta and PyTorch take turns.
    def race(self):
        cuda = self.args.device != "cpu"
        ways = {"voluta": lambda: self.voluta_rate(), "pytorch": lambda: self.torch_rate()[0]}
        if cuda:
            ways["voluta_without_graph"] = lambda: self.voluta_rate("--no-cuda-graph")
            ways["pytorch_graph"] = lambda: self.torch_rate("--mode", "graph")[0]
        _, framework = self.torch_rate()
        rates = {name: [] for name in ways}
        for _ in range(self.args.pairs):
            for name, measure in ways.items():
                rates[name].append(measure())
        summary = {"framework": framework}
        for name, values in rates.items():
            values = [value for value in values if value]
            if values:
                summary[name] = {"median": statistics.median(values), "min": min(values),
                                 "max": max(values)}
        return summary

    def measure_training(self):
        content = {"determinism": self.check_determinism(), "losses": self.compare_losses()}
        content["images_per_second"] = self.race()
        self.write("training.json", content)

    # Every engine on the layers of whole models; a page of it beside the figures.
    def measure_ops(self):
        rows = self.out / "ops-rows.json"
        code, _, error = self.call(
            self.program("voluta"), "compare", "--mode", "perf", "--device", self.args.device,
            "--quiet", "--samples", self.args.samples, "--precision", self.args.precision,
            "--output", rows, "--html", self.out / "ops.html", *self.args.compare)
        if code:
            self.fail(f"voluta compare: exit code {code} {error.strip()[-500:]}")
        if rows.exists():
            self.write("ops.json", {"results": json.loads(rows.read_text())})
            rows.unlink()

    # The steps of kernels/conv2d/README.md; a GPU's alone.
    def measure_ladder(self):
        steps = self.out / "ladder-steps.json"
        code, _, error = self.call(self.program("ladder"), "--json", steps,
                                   "--samples", self.args.samples)
        if code:
            self.fail(f"ladder: exit code {code} {error.strip()[-500:]}")
        if steps.exists():
            self.write("ladder.json", json.loads(steps.read_text()))
            steps.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--budget", type=float, default=560, help="seconds for everything")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=21)
    parser.add_argument("--compare", nargs="+", default=["lenet5.n64", "resnet50.n32"],
                        metavar="ITEM", help="what voluta compare times")
    parser.add_argument("--precision", default="f32,bf16", help="of voluta compare")
    parser.add_argument("--filter", help="GoogleTest filter, to test less")
    parser.add_argument("--skip", nargs="*", default=[], choices=("tests", "training", "ops", "ladder"))
    args = parser.parse_args()

    bench = Bench(args.bundle.resolve(), args)
    if not bench.find_device():
        return EXIT_NO_DEVICE
    # The short ones first: what a budget cuts off is the sweep's tail, not the numbers.
    steps = [("ops", bench.measure_ops), ("training", bench.measure_training),
             ("tests", bench.run_tests)]
    if args.device == "cuda":
        steps.insert(0, ("ladder", bench.measure_ladder))
    for name, step in steps:
        if name not in args.skip:
            print(f"--- {name}, {bench.left():.0f} s left")
            step()
    for problem in bench.problems:
        print("FAILED", problem)
    return EXIT_FAILED if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
