#!/usr/bin/env python3
"""scripts/gpu without a GPU: shares of tests survive hangs, crashes and lost devices, budgets hold,
and what a killed process left behind is read."""
import argparse
import json
import os
import signal
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts" / "gpu"))
sys.dont_write_bytecode = True

import comparisons  # noqa: E402  (found by the path above)
import device_tests  # noqa: E402
import processes  # noqa: E402
import test_shards  # noqa: E402
from bench import Bench, json_lines  # noqa: E402

SILENCE = 0.7  # seconds, of a program that hangs


class WithFolder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def program(self, script, path):
        """The script under this Python, which is found sooner than one on PATH."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable} -S\n{(HERE / script).read_text()}")
        path.chmod(0o755)
        return path


class Shards(WithFolder):
    def run_tests(self, names, seconds=30.0, **environment):
        tests = [f"conv2d.{i + 1}_{name}" for i, name in enumerate(names.split())]
        os.environ["FAKE_TESTS"] = " ".join(tests)
        program = self.program("fake_tests.py", self.folder / "fake_tests")
        share = test_shards.Share(program, "fake", tests, environment, SILENCE)
        end = time.monotonic() + seconds
        return test_shards.ShareRun(share, self.folder, lambda: end - time.monotonic()).run()

    def counts(self, run):
        row = run.row()
        return [row[key] for key in ("passed", "failed", "skipped", "not_run", "processes")]

    def test_listing(self):
        text = "3 problems, VOLUTA_SEED=1\nconv2d.\n  0_n1\n  1_n2  # GetParam() = 3\nA/B.\n  C/0\n"
        self.assertEqual(test_shards.tests_of(text), ["conv2d.0_n1", "conv2d.1_n2", "A/B.C/0"])

    def test_without_trouble(self):
        run = self.run_tests("ok fail skip ok")
        self.assertEqual(self.counts(run), [2, 1, 1, 0, 1])
        self.assertIn("engine evil, integers", run.row()["failures"][0]["why"])
        self.assertFalse(run.ok())
        evil, good = test_shards.engine_table([run])
        self.assertEqual((good["problems"], good["failed"]), (3, 0))
        self.assertEqual((evil["problems"], evil["failed"]), (3, 1))
        self.assertEqual(good["most_of_bound"], (0.25, "conv2d n1c1"))

    def test_goes_on_behind_each_culprit(self):
        for kind, how in (("watchdog", "watchdog"), ("lost", "device lost"),
                          ("crash", "signal SIGSEGV"), ("hang", "no output for too long")):
            run = self.run_tests(f"ok {kind} ok")
            self.assertEqual(self.counts(run), [2, 0, 0, 0, 2], kind)
            event = run.row()["events"][0]
            self.assertEqual((event["how"], event["test"], event["engine"], event["problem"]),
                             (how, f"conv2d.2_{kind}", "evil", "conv2d n1c2"))

    def test_an_engine_is_banned_after_two_events(self):
        run = self.run_tests("lost watchdog ok crash crash")
        self.assertEqual(self.counts(run), [3, 0, 0, 0, 3])  # the last ones without it
        self.assertEqual(run.row()["banned"], ["evil"])
        row = test_shards.engine_table([run])[0]
        self.assertEqual((row["engine"], row["hangs_and_crashes"]), ("evil", 2))

    def test_a_share_of_the_banned_engine_ends(self):
        run = self.run_tests("ok lost lost ok ok", VOLUTA_ENGINES="evil")
        self.assertEqual(self.counts(run), [1, 0, 0, 2, 2])
        self.assertEqual(run.row()["end"], "evil is banned")

    def test_the_time_is_kept(self):
        begin = time.monotonic()
        run = self.run_tests("ok hang ok", seconds=1.8, VOLUTA_ENGINES="good,evil")
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(run.row()["passed"] + run.row()["not_run"] + len(run.events), 3)

    def test_a_program_that_does_not_start(self):
        share = test_shards.Share(Path("/bin/false"), "none", ["a.b"])
        run = test_shards.ShareRun(share, self.folder, lambda: 10).run()
        self.assertEqual((run.row()["not_run"], run.row()["end"]), (1, "tests did not run"))

    def test_sizes(self):
        size = device_tests.size_of("conv2d.12_n2h3w5c8k4r3s3p1_bf16")
        self.assertEqual(size, 2 * 3 * 5 * 8 * 4 * 9)
        self.assertEqual(device_tests.size_of("SplitK.Bits"), 0)


class Comparisons(WithFolder):
    def compare(self, trouble):
        """ops.json of two batches under voluta whose engine evil has trouble in the second."""
        (self.folder / "manifest.json").write_text("{}")
        self.program("fake_voluta.py", self.folder / "bin" / "voluta")
        (self.folder / "work").mkdir()
        os.environ.update(OUT=str(self.folder / "out"), FAKE_TROUBLE=trouble)
        args = argparse.Namespace(budget=60, device="cuda", tests=None, part="all", samples=3, precision="bf16",
                                  compare=["a.n32", "b.n32"], batches=[])
        with mock.patch.object(comparisons, "SILENCE", SILENCE), redirect_stdout(StringIO()):
            comparisons.Comparisons(Bench(self.folder, self.folder / "work", args)).run(0)
        return json.loads((self.folder / "out" / "ops.json").read_text())

    def engines(self, ops, item):
        return [row["engine"] for row in ops["results"] if row["batch_of"] == item]

    def test_without_trouble(self):
        ops = self.compare("none")
        self.assertEqual(self.engines(ops, "b.n32"), ["good", "evil", "cudnn"])
        self.assertEqual(ops["not_timed"], [])

    def test_a_batch_is_measured_without_its_culprit(self):
        for trouble in ("hang", "watchdog", "lost"):
            with self.subTest(trouble):
                self.setUp()
                ops = self.compare(trouble)
                self.assertEqual(self.engines(ops, "a.n32"), ["good", "evil", "cudnn"])
                self.assertEqual(self.engines(ops, "b.n32"), ["good", "cudnn"])
                self.assertEqual(ops["not_timed"], ["evil"])
                self.assertEqual([b["item"] for b in ops["batches"]], ["a.n32", "b.n32", "b.n32"])


class Processes(WithFolder):
    def run_shell(self, script, **options):
        return processes.run(["sh", "-c", script], self.folder / "log", **options)

    def test_limit_takes_the_whole_group(self):
        begin = time.monotonic()
        outcome = self.run_shell("sleep 30 & echo $!; sleep 30", limit=0.3)
        self.assertEqual((outcome.cut, outcome.code), ("limit", -signal.SIGKILL))
        self.assertLess(time.monotonic() - begin, 10)
        child = (self.folder / "log").read_text().strip()
        state = Path(f"/proc/{child}/stat")
        for _ in range(50):  # the orphan waits for init
            if not state.exists() or state.read_text().split()[2] == "Z":
                return
            time.sleep(0.05)
        self.fail("a grandchild lives on")

    def test_output_keeps_it_alive(self):
        outcome = self.run_shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.15; done", limit=10,
                                 silence=SILENCE)
        self.assertEqual((outcome.cut, outcome.code), ("", 0))


class Results(WithFolder):
    def test_rows_of_a_killed_comparison(self):
        path = self.folder / "rows.json"
        self.assertEqual(comparisons.rows_of(path), [])
        Path(f"{path}.partial").write_text('{"engine": "a"}\n{"engine": "b"}\n{"engi')
        self.assertEqual(comparisons.rows_of(path), [{"engine": "a"}, {"engine": "b"}])
        path.write_text('[{"engine": "c"}]\n')
        self.assertEqual(comparisons.rows_of(path), [{"engine": "c"}])
        path.write_text('{"engine": "d"}\n{"engine": "e"}\n')
        self.assertEqual(len(comparisons.rows_of(path)), 2)

    def test_torn_lines(self):
        self.assertEqual(json_lines('noise\n{"a": 1}\n{"a":'), [{"a": 1}])

    def test_unfit_engines(self):
        rows = [("hangs", 10, 0, 1), ("wrong", 10, 5, 0), ("good", 100, 1, 0)]
        path = self.folder / "tests.json"
        path.write_text(json.dumps({"engines": [
            {"op": "conv2d", "engine": e, "problems": n, "failed": f, "hangs_and_crashes": h}
            for e, n, f, h in rows]}))
        self.assertEqual(comparisons.unfit_engines(comparisons.read_tests(path)),
                         ["hangs", "wrong"])
        self.assertEqual(comparisons.read_tests(self.folder / "none.json"), {})

    def test_results_and_logs_are_there_at_once(self):
        (self.folder / "manifest.json").write_text('{"commit": "c"}')
        os.environ["OUT"] = str(self.folder / "out")
        work = self.folder / "work"
        work.mkdir()
        bench = Bench(self.folder, work, argparse.Namespace(budget=60, device="cpu"))
        outcome, text, error = bench.call("sh", "-c", "echo out; echo err >&2; exit 3", limit=5)
        self.assertEqual((outcome.code, text, error), (3, "out\n", "err\n"))
        bench.write("a.json", {"rows": [1]})
        self.assertEqual(json.loads((self.folder / "out" / "a.json").read_text())["commit"], "c")
        bench.bundle_logs()
        self.assertTrue((self.folder / "out" / "logs.tar.gz").exists())


if __name__ == "__main__":
    unittest.main()
