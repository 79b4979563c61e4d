"""A share of a GoogleTest program's tests, run so that one hang or crash does not take the rest.

Tests are named one by one (a flag file has no limit of length), so what is left of a share after
its process died is known and goes on in the next one, behind the culprit. What happened is read
from the program's text alone, which is there whatever became of it.
"""
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import processes

# Of kernel_tests: a device wait beyond VOLUTA_WATCHDOG, and an error that the context keeps.
EXIT_NAMES = {97: "watchdog", 86: "device lost"}
MOST_EVENTS = 6   # of a share; then the rest is left
BAN_AFTER = 2     # events of one engine

STARTED = re.compile(r"^\[ RUN      \] (\S+)")
ENDED = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+).*\((\d+) ms\)")
TRACE = re.compile(r"^engine (\S+): (.+)")
BLAMED = re.compile(r", engine ([^,\s]+), ")
LEDGER = re.compile(r"^\w+ (\S+) +\d+ problems .*?at most ([\d.]+) of the bound \((.*)\)$")


def tests_of(listing):
    """The names of --gtest_list_tests."""
    suite, names = "", []
    for line in listing.splitlines():
        word = line.split("#")[0].strip()
        if line.startswith("  ") and suite:
            names.append(suite + word)
        elif word.endswith("."):
            suite = word
    return names


@dataclass
class Progress:
    """What the text of one process tells."""
    results: dict = field(default_factory=dict)   # test: "OK", "FAILED", "SKIPPED"
    reasons: dict = field(default_factory=dict)   # test that failed: its words
    engines: dict = field(default_factory=lambda: defaultdict(set))  # test: engines that ran
    blamed: dict = field(default_factory=lambda: defaultdict(set))   # test: engines that failed
    used: dict = field(default_factory=dict)      # (op, engine): (share of its bound, problem)
    running: str = ""                             # began and did not end
    engine: str = ""                              # traced last
    problem: str = ""


def read(text):
    progress = Progress()
    words = []
    for line in text.splitlines():
        if found := STARTED.match(line):
            progress.running, words = found[1], []
        elif found := ENDED.match(line):
            progress.results[found[2]] = found[1]
            if found[1] == "FAILED":
                progress.reasons[found[2]] = "\n".join(words)[:1000]
            progress.running = ""
        elif found := TRACE.match(line):
            progress.engine, progress.problem = found[1], found[2]
            progress.engines[progress.running].add(found[1])
        elif found := LEDGER.match(line):
            op = line.split()[0]
            progress.used[op, found[1]] = (float(found[2]), found[3])
        elif progress.running:
            words.append(line)
            progress.blamed[progress.running].update(BLAMED.findall(line))
    return progress


@dataclass
class Share:
    program: Path
    label: str
    tests: list
    environment: dict = field(default_factory=dict)
    silence: float = None  # seconds; None: it may think as long as its limit

    def engine(self):
        """The pattern of the engines that this share is about, if of some alone."""
        return self.environment.get("VOLUTA_ENGINES", "")


class ShareRun:
    """Runs a share to its end, or as far as it gets until `left()` is 0."""

    def __init__(self, share, logs, left):
        self.share, self.logs, self.left = share, Path(logs), left
        self.waiting = list(share.tests)
        self.results, self.reasons, self.used = {}, {}, {}
        self.engines, self.blamed = defaultdict(set), defaultdict(set)
        self.events, self.banned = [], []
        self.attempts, self.seconds, self.end = 0, 0.0, ""

    def run(self):
        while self.waiting and not self.end:
            if self.left() <= 1:
                self.end = "the time was up"
                break
            outcome, progress = self.attempt()
            self.take(progress)
            if not (outcome.cut or progress.running) and outcome.code in (0, 1):
                self.end = "" if not self.waiting else "tests did not run"
                break
            self.recover(outcome, progress)
        return self

    def attempt(self):
        self.attempts += 1
        name = f"{self.share.label}.{self.attempts}"
        flags = self.logs.parent / f"{name}.flags"
        flags.write_text("--gtest_filter=" + ":".join(self.waiting) + "\n")
        log = self.logs / f"{name}.txt"
        environment = dict(self.share.environment, VOLUTA_TRACE="1")
        if self.banned:
            skipped = environment.get("VOLUTA_SKIP_ENGINES", "").split(",") + self.banned
            environment["VOLUTA_SKIP_ENGINES"] = ",".join(filter(None, skipped))
        outcome = processes.run([self.share.program, f"--gtest_flagfile={flags}"], log,
                                self.left(), self.share.silence, environment)
        flags.unlink()
        self.seconds += outcome.seconds
        return outcome, read(log.read_text(errors="replace"))

    def take(self, progress):
        for mine, more in ((self.results, progress.results), (self.reasons, progress.reasons),
                           (self.used, progress.used)):
            mine.update(more)
        for mine, more in ((self.engines, progress.engines), (self.blamed, progress.blamed)):
            for test, names in more.items():
                mine[test] |= names
        self.waiting = [test for test in self.waiting if test not in progress.results]

    def recover(self, outcome, progress):
        """Decides what comes after a process that did not end by itself."""
        if outcome.cut == "limit":
            self.end = "the time was up" + (f" in {progress.running}" if progress.running else "")
            return
        self.events.append({
            "how": EXIT_NAMES.get(outcome.code, outcome.text()), "test": progress.running,
            "engine": progress.engine, "problem": progress.problem,
            "seconds": round(outcome.seconds, 1)})
        if progress.running in self.waiting:
            self.waiting.remove(progress.running)
        elif not progress.results:
            self.end = "it does not start"
        if len(self.events) >= MOST_EVENTS:
            self.end = f"{MOST_EVENTS} hangs and crashes"
        engine = progress.engine
        if engine and Counter(e["engine"] for e in self.events)[engine] == BAN_AFTER:
            self.banned.append(engine)
            if self.share.engine() == engine:
                self.end = f"{engine} is banned"

    def row(self):
        count = Counter(self.results.values())
        return {"share": self.share.label, "program": self.share.program.name,
                "engines": self.share.engine() or None, "end": self.end or "done",
                "passed": count["OK"], "failed": count["FAILED"], "skipped": count["SKIPPED"],
                "not_run": len(self.waiting), "processes": self.attempts,
                "seconds": round(self.seconds, 1), "events": self.events, "banned": self.banned,
                "failures": [{"test": test, "why": why} for test, why in self.reasons.items()][:20]}

    def ok(self):
        return not (self.events or self.waiting or self.reasons)


def engine_table(runs):
    """Per op and engine, from what was traced: problems, those that failed, hangs and crashes."""
    table = {}
    for run in runs:
        for test, engines in run.engines.items():
            for engine in engines:
                row = table.setdefault((test.split(".")[0], engine), Counter())
                row["problems"] += 1
                row["failed"] += engine in run.blamed[test]
        for event in run.events:
            if event["engine"]:
                table.setdefault((event["problem"].split(" ")[0], event["engine"]),
                                 Counter())["hangs_and_crashes"] += 1
    used = {key: most for run in runs for key, most in sorted(run.used.items())}
    return [{"op": op, "engine": engine, "problems": row["problems"], "failed": row["failed"],
             "hangs_and_crashes": row["hangs_and_crashes"],
             "most_of_bound": used.get((op, engine))}
            for (op, engine), row in sorted(table.items())]
