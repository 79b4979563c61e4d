"""Child processes with a limit each, whose output lies in a file as it comes."""
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

STARTING = 10  # so many times its silence a program may take until it says the first thing

_running = set()
_lock = threading.RLock()  # a signal's handler may come while its thread holds it
_ended = threading.Event()


@dataclass
class Outcome:
    """How a child ended. `cut` says why it was ended from here: "limit", "silence", or ""."""
    code: int
    cut: str
    seconds: float

    def text(self):
        if self.cut:
            return {"limit": "the time was up", "silence": "no output for too long"}[self.cut]
        if self.code < 0:
            return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def _kill(child):
    """With its own children. One that hangs in the driver is left behind."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(timeout=10)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass


def end_all():
    """And starts no more."""
    _ended.set()
    with _lock:
        for child in list(_running):
            _kill(child)


def run(words, log, limit, silence=None, environment=None, errors=None):
    """Runs a command with `log` as standard output and `errors`, or `log` too, as standard error.

    Ends it after `limit` seconds, or after `silence` seconds in which `log` did not grow.
    A process group of its own, no session: whoever ends this program's leader can still find it.
    """
    begin = last = time.monotonic()
    size = 0
    with _lock, open(log, "wb") as out, open(errors or os.devnull, "wb") as err:
        if _ended.is_set():
            return Outcome(-signal.SIGKILL, "limit", 0.0)
        child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=err if errors else subprocess.STDOUT,
                                 env={**os.environ, **(environment or {})}, process_group=0)
        _running.add(child)
    cut = ""
    try:
        while child.poll() is None:
            now = time.monotonic()
            grown = Path(log).stat().st_size
            if grown != size:
                size, last = grown, now
            if now - begin > limit:
                cut = "limit"
            elif silence and now - last > silence * (1 if size else STARTING):
                cut = "silence"
            if cut:
                _kill(child)
                break
            time.sleep(0.02 if now - begin < 1 else 0.1)
    finally:
        with _lock:
            _running.discard(child)
    code = child.returncode if child.returncode is not None else -signal.SIGKILL
    return Outcome(code, cut, time.monotonic() - begin)
