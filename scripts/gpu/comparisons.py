"""Times of every engine on the layers of whole models: ops.json grows with every batch.

A row of it is one of `voluta compare --mode perf`, with the batch it belongs to and what
kernel_tests found of its engine. Ours and the vendor's take turns within one process.
"""
import json
from pathlib import Path

import processes
from bench import json_lines, last_line
from test_shards import read

MODELS = ("resnet50", "vgg16", "mobilenet_v2", "mobilenet_v1", "inception_v3")
OPS = ",".join(("conv2d", "conv2d_input_gradient", "conv2d_filter_gradient",
                "depthwise_conv2d", "depthwise_conv2d_input_gradient",
                "depthwise_conv2d_filter_gradient",
                "linear", "linear_input_gradient", "linear_weight_gradient"))
ITEM_LIMIT = {32: 60, 256: 90}  # seconds; other batches take the last
MOST_ATTEMPTS = 3
WATCHDOG, SILENCE = 15, 45  # seconds of one wait for the device, and without a traced run
MOST_FAILED = 0.05  # of an op's problems; an engine that fails more of them is not timed


def rows_of(path):
    """What `voluta compare --output` left: a list, or lines beside it where it did not get to its
    end."""
    if path.exists():
        text = path.read_text(errors="replace")
        try:
            rows = json.loads(text)
            return rows if isinstance(rows, list) else [rows]
        except json.JSONDecodeError:
            return json_lines(text)
    partial = Path(f"{path}.partial")
    return json_lines(partial.read_text(errors="replace")) if partial.exists() else []


def read_tests(path):
    """{(op, engine): row} of a tests.json; empty where there is none."""
    if not path or not Path(path).exists():
        return {}
    return {(row["op"], row["engine"]): row
            for row in json.loads(Path(path).read_text()).get("engines", [])}


def unfit_engines(tested):
    """Those that hang, crash, or are wrong too often to be timed."""
    return sorted({engine for (_, engine), row in tested.items()
                   if row["hangs_and_crashes"] or
                   row["failed"] > MOST_FAILED * max(1, row["problems"])})


def culprit_of(rows, progress):
    """The engine that a run did not survive: the first that failed in the last problem, where a row
    says so; else the one that was traced last."""
    last = [row for row in rows if row["problem"] == rows[-1]["problem"]]
    failed = [row for row in last if (row.get("reason") or "").startswith("failed")]
    return failed[0]["engine"] if failed else progress.engine


class Comparisons:
    def __init__(self, bench):
        self.bench, self.args = bench, bench.args
        own = bench.out / "tests.json" if bench.args.part == "all" else None
        self.tested = read_tests(bench.args.tests or own)
        self.unfit = set(unfit_engines(self.tested))
        self.batches, self.results = [], []
        _, self.help, _ = bench.voluta("compare", "--help", limit=20)

    def find_names(self, items):
        """Engines that take something of these batches."""
        outcome, text, error = self.bench.voluta(
            "compare", "--mode", "support", "--json", "--device", self.args.device,
            "--precision", self.args.precision, *items, limit=60)
        try:
            rows = json.loads(text)
        except json.JSONDecodeError:
            self.bench.fail(f"voluta compare --mode support: {outcome.text()} {last_line(error)}")
            return set()
        return {row["engine"] for row in rows if row.get("engine") and row.get("supported")}

    def compare(self, item, reserve):
        """Again without the culprit where the device was lost, or an engine hung."""
        for attempt in range(1, MOST_ATTEMPTS + 1):
            batch = int(item.rpartition(".n")[2])
            limit = min(ITEM_LIMIT.get(batch, ITEM_LIMIT[256]), self.bench.left(reserve))
            if limit < 5:
                self.bench.fail(f"{item}: no time left")
                return
            found, culprit = self.run_item(item, f"ops-{item}-{attempt}", limit)
            if not culprit or culprit in self.unfit:
                break
            self.bench.fail(f"{item}: {culprit} is not timed any more")
            self.unfit.add(culprit)
        self.results += found
        self.bench.write("ops.json", {"batches": self.batches, "not_timed": sorted(self.unfit),
                                      "results": self.results})

    def run_item(self, item, name, limit):
        """(rows, the engine that ended it untimely or "")"""
        rows, log = self.bench.logs / f"{name}.json", self.bench.logs / f"{name}.txt"
        flags = ["--ops", OPS] if "--ops" in self.help else []
        flags += ["--no-check"] if "--no-check" in self.help else []
        engines = ",".join(sorted(self.names - self.unfit)) if self.names & self.unfit else "all"
        outcome = processes.run(
            [self.bench.program("voluta"), "compare", "--mode", "perf", "--device",
             self.args.device, "--quiet", "--samples", self.args.samples, "--precision",
             self.args.precision, "--engines", engines, "--output", rows, *flags, item],
            log, limit, SILENCE, {"VOLUTA_TRACE": "1", "VOLUTA_WATCHDOG": str(WATCHDOG)})
        found = rows_of(rows)
        incomplete = [row["incomplete"] for row in found if "incomplete" in row]
        found = [row for row in found if "engine" in row]
        for row in found:
            seen = self.tested.get((row["op"], row["engine"]))
            row.update(batch_of=item, tested=seen and {"problems": seen["problems"],
                                                       "failed": seen["failed"]})
        progress = read(log.read_text(errors="replace"))
        self.batches.append({"item": item, "rows": len(found), "end": outcome.text(),
                             "seconds": round(outcome.seconds, 1), "incomplete": incomplete,
                             "last": f"{progress.engine}: {progress.problem}"})
        untimely = outcome.cut == "silence" or outcome.code not in (0, 1, 4) or incomplete
        if outcome.cut == "limit" or not untimely:
            tell = self.bench.say if outcome.code == 0 else self.bench.fail
            tell(f"{item}: {outcome.text()}, {len(found)} rows, {outcome.seconds:.0f} s")
            return found, ""
        culprit = culprit_of(found, progress)
        self.bench.fail(f"{item}: {outcome.text()}, {len(found)} rows, in {culprit}: "
                        f"{progress.problem}")
        return found, culprit

    def run(self, reserve):
        items = self.args.compare or [f"{model}.n{batch}" for batch in self.args.batches
                                      for model in MODELS]
        self.names = self.find_names(items)
        if self.unfit:
            self.bench.say(f"not timed, for what tests.json says: {', '.join(sorted(self.unfit))}")
        for item in items:
            self.compare(item, reserve)
