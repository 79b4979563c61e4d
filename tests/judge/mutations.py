#!/usr/bin/env python3
"""Breaks CUDA kernels by one index, bound or barrier each, and expects the tests to notice.

    python3 tests/judge/mutations.py --build build/dev [--jobs 2] [--only TEXT] [--tests TEXT] [--users TEXT]

For each mutation: the .cu files that see the changed text are compiled again for simt/ from an
overlay (the tree is not touched), kernel_simt_tests is linked with them, and the tests of the op
must fail. Exits with 1 where a mutation survives or can no longer be applied.
Needs a finished build of kernel_simt_tests by Ninja.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

from mutation_list import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Build:
    def __init__(self, folder, users=""):
        self.users = users
        self.folder = pathlib.Path(folder).resolve()
        with open(self.folder / "compile_commands.json", encoding="utf-8") as file:
            self.entries = {e["file"]: e for e in json.load(file)}
        commands = subprocess.run(["ninja", "-t", "commands", "kernel_simt_tests"],
                                  cwd=self.folder, check=True, capture_output=True, text=True)
        self.link = commands.stdout.strip().splitlines()[-1]

    def wrappers(self, changed):
        """The simt/*.cu.cpp files that include the changed file, directly or through headers, of those
        whose name holds self.users."""
        seen = {changed}
        sources = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8")
                   for p in ROOT.glob("kernels/**/*") if p.suffix in (".cu", ".cuh")}
        grown = True
        while grown:
            users = {name for name, text in sources.items()
                     if any(f"<voluta/{header}>" in text for header in seen)}
            grown = not users <= seen
            seen |= users
        return [self.folder / "simt" / f"{name}.cpp" for name in sorted(seen)
                if name.endswith(".cu") and self.users in name]

    def compile(self, wrapper, overlay, output):
        words = shlex.split(self.entries[str(wrapper)]["command"])
        words[words.index("-o") + 1] = str(output)
        compiler = next(i for i, word in enumerate(words) if not word.endswith("ccache"))
        words[compiler + 1:compiler + 1] = ["-I", str(overlay)]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)

    def link_with(self, objects, program):
        command = self.link.replace("-o tests/kernel_simt_tests",
                                    f"{' '.join(map(str, objects))} -o {program}", 1)
        subprocess.run(command, cwd=self.folder, check=True, shell=True, capture_output=True)


def judge(build, mutation):
    """'caught', 'survived', or why the mutation could not be tried."""
    name, text, becomes, tests = mutation
    source = (ROOT / "kernels" / name).read_text(encoding="utf-8")
    if text not in source:
        return "the text is gone: update tests/judge/mutation_list.py"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        mutated = folder / "overlay" / "voluta" / "kernels" / name
        mutated.parent.mkdir(parents=True)
        mutated.write_text(source.replace(text, becomes, 1), encoding="utf-8")
        objects = []
        for i, wrapper in enumerate(build.wrappers(f"kernels/{name}")):
            objects.append(folder / f"{i}.o")
            try:
                build.compile(wrapper, folder / "overlay", objects[-1])
            except subprocess.CalledProcessError as error:
                return f"does not compile: {error.stderr.decode()[:200]}"
        build.link_with(objects, folder / "tests")
        # What blocks overwrite of each other shows in some orders alone.
        return "survived" if all(passes(folder / "tests", tests, seed) for seed in "01") else "caught"


def passes(program, tests, seed):
    environment = dict(os.environ, VOLUTA_SIMT_THREADS="1", VOLUTA_SIMT_SEED=seed,
                       VOLUTA_TESTS=str(ROOT / "tests"), GTEST_FAIL_FAST="1")
    try:
        run = subprocess.run([program, f"--gtest_filter={tests}", "--gtest_brief=1"],
                             env=environment, capture_output=True, timeout=1800, check=False)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="mutations of files whose name holds this")
    parser.add_argument("--tests", default="", help="mutations whose filter holds this")
    parser.add_argument("--users", default="", help="compile only .cu files whose name holds this")
    options = parser.parse_args()
    build = Build(options.build, options.users)
    chosen = [m for m in MUTATIONS if options.only in m[0] and options.tests in m[3]]
    caught = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        verdicts = pool.map(lambda m: judge(build, m), chosen)
        for done, (mutation, verdict) in enumerate(zip(chosen, verdicts), 1):
            caught += verdict == "caught"
            print(f"{done}/{len(chosen)} {verdict:10} {mutation[0]}: {mutation[1]!r} -> {mutation[2]!r}", flush=True)
    print(f"{caught} of {len(chosen)} mutations caught")
    sys.exit(0 if caught == len(chosen) else 1)


if __name__ == "__main__":
    main()
