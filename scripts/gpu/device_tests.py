"""The test programs on the device: tests.json grows with every share that ends.

Engines that match --isolate (on a GPU those of Hopper's copy engine, which can deadlock) run in
processes of their own, an op and engine a family, the smallest problems of all families first.
"""
import concurrent.futures
import json
import math
import os
import re
from fnmatch import fnmatch

import test_shards
from test_shards import Share, ShareRun

PROGRAMS = ("instruction_tests", "goldens_tests", "models_tests", "train_tests", "core_tests",
            "graph_tests", "layers_tests")
# The longest ones; and instructions, a process each: what is wrong with one takes the device from the next.
PARTS = {"instruction_tests": 16, "goldens_tests": 8, "models_tests": 2}
VENDORS = ("cudnn*", "cublaslt*")
# What comparisons in 16 bits are held against, and the problems of each op by which it is judged.
OPPONENTS, OPPONENT_TESTS = "cudnn_half,cublaslt_half", 8
OPPONENT_OPS = ("conv2d", "conv2d_input_gradient", "conv2d_filter_gradient",
                "linear", "linear_input_gradient", "linear_weight_gradient")
# One problem of each op that an isolated engine may take, so that `support` names its engines.
FAMILY_PROBLEMS = (
    "linear n64f64m64", "linear_input_gradient n64f64m64", "linear_weight_gradient n64f64m64",
    "conv2d n1h8w8c64k64r3s3p1", "conv_transpose2d n1h8w8c64k64r3s3p1",
    "conv2d_input_gradient n1h8w8c64k64r3s3p1", "conv2d_filter_gradient n1h8w8c64k64r3s3p1")
FIRST_TESTS = 60      # of a family, the smallest: alone, before the rest
SHARE_TESTS = 250     # of a family's rest, at most
KERNEL_SILENCE, SILENCE = 45, 60  # seconds; the watchdog answers sooner
WATCHDOG = 10


def size_of(test):
    """Of conv2d.12_n1h8w8c8k8r3s3p1_bf16: the product of its extents."""
    found = re.search(r"\.\d+_((?:[a-z]+\d+)+)", test)
    if not found:
        return 0
    pairs = re.findall(r"([a-z]+)(\d+)", found[1])
    return math.prod(int(number) for letter, number in pairs if letter in "nhwckrsfm")


def is_half(test):
    return test.endswith("f16")


class DeviceTests:
    def __init__(self, bench):
        self.bench, self.args = bench, bench.args
        self.workers = max(1, min(16, os.cpu_count() or 1))
        self.runs = []

    def list_tests(self, program):
        words = [self.bench.program(program), "--gtest_list_tests"]
        if self.args.filter:
            words.append(f"--gtest_filter={self.args.filter}")
        outcome, text, error = self.bench.call(*words, limit=60, name=f"list-{program}")
        names = [name for name in test_shards.tests_of(text) if "DISABLED_" not in name]
        if outcome.code or outcome.cut:
            self.bench.fail(f"{program} --gtest_list_tests: {outcome.text()} {error[-300:]}")
        return names

    def kernel_share(self, label, tests, **engines):
        environment = {"OMP_NUM_THREADS": "1", "VOLUTA_DEVICES": self.args.device,
                       "VOLUTA_WATCHDOG": str(WATCHDOG), **engines}
        return Share(self.bench.program("kernel_tests"), label, tests, environment, KERNEL_SILENCE)

    def ordinary_shares(self):
        """Everything but the isolated engines; of the vendor's, which only bear witness, a few problems."""
        shares = []
        for name in PROGRAMS:
            tests, parts = self.list_tests(name), PARTS.get(name, 1)
            environment = {"OMP_NUM_THREADS": "1", "VOLUTA_WATCHDOG": str(3 * WATCHDOG)}
            shares += [Share(self.bench.program(name), f"{name}-{i + 1}", tests[i::parts],
                             environment, SILENCE) for i in range(parts)]
        skipped = ",".join(filter(self.has_engines, (self.args.isolate, *VENDORS)))
        shares += [self.kernel_share(f"kernel_tests-{i + 1}", self.kernel_tests[i::self.workers],
                                     VOLUTA_SKIP_ENGINES=skipped) for i in range(self.workers)]
        shares.append(self.kernel_share("kernel_tests-vendors", self.opponent_tests(),
                                        VOLUTA_ENGINES=OPPONENTS))
        return [share for share in shares if share.tests]

    def opponent_tests(self):
        """The smallest of each op in 16 bits."""
        halves = sorted(filter(is_half, self.kernel_tests), key=size_of)
        return [test for op in OPPONENT_OPS
                for test in [t for t in halves if t.startswith(f"{op}.")][:OPPONENT_TESTS]]

    def has_engines(self, pattern):
        """kernel_tests refuses to leave out what its build does not have."""
        return self.bench.call(self.bench.program("kernel_tests"), "--gtest_filter=none",
                               environment={"VOLUTA_SKIP_ENGINES": pattern})[0].code == 0

    def families(self):
        """{(op, engine): precisions that it takes} of the isolated ones, the simplest op first."""
        lines = [f"{line} bf16" for line in FAMILY_PROBLEMS]
        lines += [line + " f32" for line in FAMILY_PROBLEMS]  # tf32 is asked of f32 lines
        outcome, text, error = self.bench.voluta(
            "compare", "--mode", "support", "--json", "--device", self.args.device,
            "--precision", "bf16,f32,tf32", *lines, limit=60)
        try:
            rows = json.loads(text)
        except json.JSONDecodeError:
            self.bench.fail(f"voluta compare --mode support: {outcome.text()} {error[-300:]}")
            return {}
        found = {}
        for row in rows:
            if row.get("engine") and fnmatch(row["engine"], self.args.isolate):
                taken = found.setdefault((row["op"], row["engine"]), set())
                taken.update([row["precision"]] if row["supported"] else [])
        return found

    def family_shares(self):
        """(the smallest problems of each family, the rest of each)"""
        first, rest = [], []
        for (op, engine), precisions in self.families().items():
            halves = {precision in ("bf16", "f16") for precision in precisions} or {True, False}
            tests = sorted((test for test in self.kernel_tests
                            if test.startswith(f"{op}.") and is_half(test) in halves), key=size_of)
            first.append(self.kernel_share(f"{op}-{engine}-0", tests[:FIRST_TESTS],
                                           VOLUTA_ENGINES=engine))
            more = tests[FIRST_TESTS:]
            count = math.ceil(len(more) / SHARE_TESTS)
            rest += [self.kernel_share(f"{op}-{engine}-{i + 1}", more[i::count],
                                       VOLUTA_ENGINES=engine) for i in range(count)]
        own = [test for test in self.kernel_tests if test[0].isupper()]  # of no op: ClusterBits.*
        if own and first:
            rest.append(self.kernel_share("kernel_tests-own", own,
                                          VOLUTA_ENGINES=self.args.isolate))
        return [s for s in first if s.tests], rest

    def run_shares(self, shares, limit, reserve):
        """Side by side, within `limit` seconds and `reserve` before the budget's end."""
        end = self.bench.left() - min(limit, self.bench.left(reserve))
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            jobs = [pool.submit(self.run_share, share, lambda: self.bench.left() - end)
                    for share in shares]
            for job in concurrent.futures.as_completed(jobs):
                if job.exception():
                    self.bench.fail(f"a share: {job.exception()!r}")
                    continue
                self.runs.append(job.result())
                self.write()

    def run_share(self, share, left):
        run = ShareRun(share, self.bench.logs, left).run()
        row = run.row()
        text = (f"{row['share']}: {row['passed']} passed, {row['failed']} failed, "
                f"{row['skipped']} skipped, {row['not_run']} not run, {row['seconds']} s")
        for event in run.events:
            self.bench.say(f"{row['share']}: {event['how']} in {event['test']} "
                           f"{event['engine']} {event['problem']}")
        if run.ok():
            self.bench.say(text)
        else:
            self.bench.fail(f"{text}; {row['end']}")
        return run

    def write(self):
        self.bench.write("tests.json", {"programs": [run.row() for run in self.runs],
                                        "engines": test_shards.engine_table(self.runs)})

    def run(self, reserve):
        self.kernel_tests = self.list_tests("kernel_tests")
        self.run_shares(self.ordinary_shares(), self.args.ordinary_limit, reserve)
        first, rest = self.family_shares()
        self.bench.say(f"{len(first)} families of {self.args.isolate}")
        self.run_shares(first, self.bench.left(), reserve)
        banned = {(run.share.environment["VOLUTA_ENGINES"], op_of(run.share))
                  for run in self.runs if run.banned and run.share.engine()}
        for share in rest:
            if (share.engine(), op_of(share)) in banned:
                self.bench.fail(f"{share.label}: {len(share.tests)} tests not run, banned")
        self.run_shares([s for s in rest if (s.engine(), op_of(s)) not in banned],
                        self.bench.left(), reserve)


def op_of(share):
    return share.tests[0].split(".")[0]
