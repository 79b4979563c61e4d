"""Times of every engine on the layers of whole models: ops.json grows with every batch.

A row of it is one of `voluta compare --mode perf`, with the batch it belongs to and what
kernel_tests found of its engine. Ours and the vendor's take turns within one process.
"""
import json
from pathlib import Path

from bench import json_lines, last_line

MODELS = ("resnet50", "vgg16", "mobilenet_v2", "mobilenet_v1", "inception_v3")
OPS = ",".join(("conv2d", "conv2d_input_gradient", "conv2d_filter_gradient",
                "depthwise_conv2d", "depthwise_conv2d_input_gradient",
                "depthwise_conv2d_filter_gradient",
                "linear", "linear_input_gradient", "linear_weight_gradient"))
ITEM_LIMIT = {32: 60, 256: 90}  # seconds; other batches take the last
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


class Comparisons:
    def __init__(self, bench):
        self.bench, self.args = bench, bench.args
        own = bench.out / "tests.json"
        self.tested = read_tests(bench.args.tests or own)
        self.batches, self.results = [], []
        _, self.help, _ = bench.voluta("compare", "--help", limit=20)

    def engines(self, items):
        """"all", or the names of those that are fit."""
        unfit = unfit_engines(self.tested)
        if not unfit:
            return "all"
        outcome, text, error = self.bench.voluta(
            "compare", "--mode", "support", "--json", "--device", self.args.device,
            "--precision", self.args.precision, *items, limit=60)
        try:
            rows = json.loads(text)
        except json.JSONDecodeError:
            self.bench.fail(f"voluta compare --mode support: {outcome.text()} {last_line(error)}")
            return "all"
        self.bench.say(f"not timed, for what tests.json says: {', '.join(unfit)}")
        names = {row["engine"] for row in rows if row.get("engine") and row.get("supported")}
        return ",".join(sorted(names - set(unfit))) or "vendor"

    def compare(self, item, engines, reserve):
        rows = self.bench.logs / f"ops-{item}.json"
        flags = ["--ops", OPS] if "--ops" in self.help else []
        flags += ["--no-check"] if "--no-check" in self.help else []
        batch = int(item.rpartition(".n")[2])
        limit = min(ITEM_LIMIT.get(batch, ITEM_LIMIT[256]), self.bench.left(reserve))
        if limit < 5:
            self.bench.fail(f"{item}: no time left")
            return
        outcome, _, error = self.bench.voluta(
            "compare", "--mode", "perf", "--device", self.args.device, "--quiet", "--samples",
            self.args.samples, "--precision", self.args.precision, "--engines", engines,
            "--output", rows, *flags, item, limit=limit)
        found = [row for row in rows_of(rows) if "engine" in row]
        for row in found:
            seen = self.tested.get((row["op"], row["engine"]))
            row.update(batch_of=item, tested=seen and {"problems": seen["problems"],
                                                       "failed": seen["failed"]})
        self.results += found
        self.batches.append({"item": item, "rows": len(found), "seconds": outcome.seconds,
                             "end": outcome.text()})
        if outcome.code or outcome.cut:
            self.bench.fail(f"{item}: {outcome.text()}, {len(found)} rows {last_line(error)}")
        else:
            self.bench.say(f"{item}: {len(found)} rows, {outcome.seconds:.0f} s")
        self.bench.write("ops.json", {"batches": self.batches, "results": self.results})

    def run(self, reserve):
        items = self.args.compare or [f"{model}.n{batch}" for batch in self.args.batches
                                      for model in MODELS]
        engines = self.engines(items)
        for item in items:
            self.compare(item, engines, reserve)
