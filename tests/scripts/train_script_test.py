#!/usr/bin/env python3
"""scripts/train.sh with stand-ins for what it calls: paths are the caller's, and MNIST is found in each form."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
# Says where it runs and with which arguments.
VOLUTA = """#!/usr/bin/env python3
import json, os, sys
print(json.dumps({"folder": os.getcwd(), "arguments": sys.argv[1:]}))
"""


class TrainScript(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name).resolve() / "checkout"
        self.caller = self.root.parent / "caller"
        self.caller.mkdir()
        scripts = self.root / "scripts"
        scripts.mkdir(parents=True)
        shutil.copy(HERE.parents[1] / "scripts" / "train.sh", scripts)
        for name in ("setup.sh", "build.sh"):
            self.program(scripts / name, "#!/bin/sh\n")
        (self.root / "build" / "release").mkdir(parents=True)
        self.program(self.root / "build" / "release" / "voluta", VOLUTA)

    def program(self, path, text):
        path.write_text(text)
        path.chmod(0o755)

    def mnist(self, folder, ending):
        folder.mkdir(parents=True)
        for name in FILES:
            (folder / f"{name}-ubyte{ending}").touch()

    def train(self, *flags, **environment):
        run = subprocess.run([self.root / "scripts" / "train.sh", *flags], cwd=self.caller, text=True,
                             capture_output=True, env={"PATH": os.environ["PATH"], **environment})
        self.assertEqual(run.returncode, 0, run.stderr)
        said = json.loads(run.stdout)
        self.assertEqual(said["folder"], str(self.caller))
        return said["arguments"]

    def test_paths_are_the_callers(self):
        arguments = self.train("--weights", "w.safetensors", "--config=r.toml", "--data-path", "d",
                               "--output-dir", "runs/a")
        self.assertEqual(arguments, ["train", "--model", "lenet5", "--data-path", "d", "--output-dir",
                                     "runs/a", "--weights", "w.safetensors", "--config=r.toml"])
        self.assertEqual(self.train("--resume", "runs/a"), ["train", "--resume", "runs/a"])

    def test_without_a_folder_the_run_is_the_checkouts(self):
        arguments = self.train("--data-path=d")
        self.assertEqual(arguments[arguments.index("--output-dir") + 1],
                         str(self.root / "runs" / "lenet5"))
        self.assertIn("--overwrite", arguments)

    def test_mnist_is_found_in_each_form(self):
        for place, ending in (("given/mnist", ".xz"), ("shared/data/mnist", ".gz"),
                              ("checkout/build/data/mnist", "")):
            self.mnist(self.root.parent / place, ending)
        given = self.root.parent / "given"
        for folder, environment in ((given / "mnist", {"VOLUTA_DATA": "../given"}),
                                    (self.root.parent / "shared" / "data" / "mnist", {})):
            arguments = self.train(**environment)
            self.assertEqual(arguments[arguments.index("--data-path") + 1], str(folder))
        shutil.rmtree(self.root.parent / "shared")
        arguments = self.train()
        self.assertIn(str(self.root / "build" / "data" / "mnist"), arguments)


if __name__ == "__main__":
    unittest.main()
