"""What every step of measure.py shares: the budget, the folders, calls with a limit, and results
that are on disk as soon as they are known."""
import datetime
import itertools
import json
import os
import re
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path

import processes

SECONDS_BETWEEN_BUNDLES = 15
MOST_LOG_BYTES = 12 << 20  # of the bundle of logs: 16 MiB a file come back from a lent machine


class Bench:
    def __init__(self, bundle, work, args):
        self.bundle, self.args = bundle, args
        self.out = Path(os.environ.get("OUT", "results"))
        self.out.mkdir(parents=True, exist_ok=True)
        self.work, self.logs = work, work / "logs"
        self.logs.mkdir()
        self.begin = time.monotonic()
        self.deadline = self.begin + args.budget
        self.problems = []   # what went wrong, one line each
        self.baselines = []  # rows of what PyTorch does
        self.counter = itertools.count(1)
        self.lock = threading.RLock()  # a signal's handler may come while its thread holds it
        now = datetime.datetime.now(datetime.timezone.utc)
        self.about = {"date": now.isoformat(" ", "seconds"),
                      **json.loads((bundle / "manifest.json").read_text())}

    def left(self, reserve=0):
        """Seconds of the budget, but those that later steps need."""
        return max(0.0, self.deadline - reserve - time.monotonic())

    def cuda(self):
        return self.args.device == "cuda"

    def program(self, name):
        return self.bundle / "bin" / name

    def say(self, text):
        sys.stdout.write(f"[{time.monotonic() - self.begin:5.0f} s] {text}\n")  # a line at once
        sys.stdout.flush()

    def fail(self, text):
        with self.lock:
            self.problems.append(text)
        self.say(f"FAILED {text}")

    def write(self, name, content):
        """Replaces the file at once: a kill leaves the last state."""
        new = self.out / f"{name}.new"
        new.write_text(json.dumps({**self.about, **content}, indent=1) + "\n")
        new.replace(self.out / name)

    def call(self, *words, limit=60, name=None, environment=None):
        """(outcome, standard output, standard error) of a command, within the budget too."""
        name = f"{next(self.counter):03}-{name or Path(str(words[0])).name}"
        log, errors = self.logs / f"{name}.out", self.logs / f"{name}.err"
        outcome = processes.run(words, log, min(limit, self.left()), environment=environment,
                                errors=errors)
        return outcome, log.read_text(errors="replace"), errors.read_text(errors="replace")

    def voluta(self, *words, **options):
        return self.call(self.program("voluta"), *words, name=f"voluta-{words[0]}", **options)

    def bundle_logs(self):
        """Every log in one file: few files come back from a lent machine."""
        with self.lock:
            files = sorted((p for p in self.logs.rglob("*") if p.is_file()),
                           key=lambda path: path.stat().st_size)
            new = self.work / f"logs.{next(self.counter)}.tar.gz"
            with tarfile.open(new, "w:gz", compresslevel=3) as archive:
                for path in files:  # the small ones first, which say most
                    if new.stat().st_size > MOST_LOG_BYTES:
                        break
                    archive.add(path, f"logs/{path.name}")
            shutil.copy(new, self.out / "logs.new")
            (self.out / "logs.new").replace(self.out / "logs.tar.gz")
            new.unlink()

    def keep_bundling(self):
        """In the background: what a killed run has logged comes back too."""
        def loop():
            while True:
                time.sleep(SECONDS_BETWEEN_BUNDLES)
                self.bundle_logs()
        threading.Thread(target=loop, daemon=True).start()


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""


def json_lines(text):
    """The documents of lines of JSON; other lines, and a torn last one, are passed over."""
    found = []
    for line in text.splitlines():
        if re.match(r"\s*\{", line):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                pass
    return found
