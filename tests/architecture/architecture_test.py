#!/usr/bin/env python3
"""Holds the source tree to the rules of architecture_rules.py, and the rules to planted violations.

Run by ctest, or by hand: python3 tests/architecture/architecture_test.py
Environment: CXX (g++), VOLUTA_ARCHITECTURE_JOBS (all cores).
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import architecture_rules as rules

ROOT = Path(__file__).resolve().parents[2]


def compile_units(units, root, scratch):
    """Compiles each text of {name: text} as a file. Returns {name: errors} of those that do not compile.

    The files lie in `scratch`; where its path is the same every time, ccache remembers them.
    """
    (scratch / "include").mkdir(parents=True, exist_ok=True)
    link = scratch / "include" / "voluta"
    if not link.is_symlink():
        link.symlink_to(root)
    launcher = [ccache] if (ccache := shutil.which("ccache")) else []
    command = launcher + [
        os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-Werror",
        "-Wpedantic", "-Wconversion", "-Wshadow",  # what users of the library may ask for
        "-Wno-missing-field-initializers", "-I", f"{scratch}/include", "-c", "-o"]

    def compile_one(unit):
        name, text = unit
        source = scratch / f"{name.replace('/', '__')}.cpp"
        source.write_text(text)
        run = subprocess.run(command + [f"{source}.o", str(source)], capture_output=True, text=True)
        return name, run.stderr if run.returncode else ""

    jobs = int(os.environ.get("VOLUTA_ARCHITECTURE_JOBS", os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return {name: errors for name, errors in pool.map(compile_one, units.items()) if errors}


def includes(headers):
    return "".join(f"#include <voluta/{header}>\n" for header in headers)


def compile_alone(headers, root, scratch):
    """{header: errors} of files that include nothing but the header."""
    # Twice: a header without an include guard fails too.
    return compile_units({header: includes([header, header]) for header in headers}, root, scratch)


def compile_together(headers, root, scratch):
    """The errors of a file that includes all headers; empty where there are none."""
    return compile_units({"together": includes(headers)}, root, scratch).get("together", "")


class TheTree(unittest.TestCase):
    def test_keeps_the_rules(self):
        findings = rules.check_tree(ROOT)
        self.assertEqual([], findings, "\n" + "\n".join(findings))

    def test_public_headers_compile_alone_without_cuda(self):
        headers = rules.public_headers(ROOT)
        self.assertGreater(len(headers), 20, "the public headers were not found")
        for header, errors in compile_alone(headers, ROOT, ROOT / "build" / "headers").items():
            with self.subTest(header=header):
                self.fail(f"{header} does not compile alone:\n{errors}")

    def test_internal_headers_are_those_that_are_not_installed(self):
        text = (ROOT / "cmake" / "VolutaInstall.cmake").read_text(encoding="utf-8")
        names = re.search(r"set\(internal_headers (.*?)\)", text)[1].split()
        self.assertEqual(sorted(f"{name}.h" for name in names), sorted(rules.INTERNAL_HEADERS))

    def test_public_headers_compile_together(self):
        errors = compile_together(rules.public_headers(ROOT), ROOT, ROOT / "build" / "headers")
        self.assertEqual("", errors, "the public headers do not compile together:\n" + errors)


HEADER = "//   grid   (1)\n//   limits f32\n//   measured never run on hardware\n"


class Plant(unittest.TestCase):
    """Each rule finds the violation planted for it, and only that."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        self.write("core/shape.h", "#pragma once\n#include <vector>\n")
        self.write("kernels/conv2d/conv2d.h", "#pragma once\n#include <voluta/core/shape.h>\n")
        self.write("layers/layers.h", "#pragma once\n#include <voluta/kernels/conv2d/conv2d.h>\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def expect(self, path, text, *findings):
        self.write(path, text)
        found = rules.check_tree(self.root)
        self.assertEqual(len(findings), len(found), found)
        for wanted, got in zip(findings, found):
            self.assertIn(path, got)
            self.assertIn(wanted, got)

    def test_a_clean_tree_passes(self):
        self.assertEqual([], rules.check_tree(self.root))

    def test_wrong_way_arrows(self):
        for path, name in (
                ("core/graph/op.cpp", "kernels/conv2d/conv2d.h"), ("core/a.h", "train/loop.h"),
                ("kernels/conv2d/a.cpp", "layers/layers.h"), ("layers/a.cpp", "models/registry.h"),
                ("models/a.cpp", "io/idx.h"), ("models/a.cpp", "train/loop.h"),
                ("io/a.cpp", "kernels/conv2d/conv2d.h"), ("io/a.cpp", "models/registry.h"),
                ("train/a.cpp", "tools/cli.h"), ("tools/a.cpp", "tests/judge/judge.h"),
                ("kernels/conv2d/b.cu", "simt/fiber.h"), ("simt/a.cpp", "kernels/conv2d/conv2d.h"),
                ("examples/a.cpp", "tools/cli.h"), ("examples/a.cpp", "judge/race.h"),
                ("examples/ladder/a.cpp", "train/loop.h"),
                ("tools/a.cpp", "examples/ladder/ladder.h")):
            with self.subTest(path=path, name=name):
                self.expect(path, f"{HEADER}#include <voluta/{name}>\n", "may not include")
                (self.root / path).unlink()

    def test_launch_syntax(self):
        self.expect("kernels/conv2d/a.cu",
                    HEADER + "// k<<<1, 2>>>() in prose\nk<<<1, 2>>>();\n",
                    ":5: a kernel is launched only by launch()")

    def test_kernel_headers(self):
        self.expect("kernels/conv2d/a.cu", HEADER)
        self.expect("kernels/conv2d/a.cu", HEADER.replace("grid", "map"), "no line 'grid'")
        self.expect("kernels/conv2d/a.cu", HEADER.replace("f32\n//   m", "f32 m"),
                    "no line 'measured'")

        self.expect("kernels/conv2d/a.cu", HEADER)
        self.expect("examples/ladder/a.cu", HEADER.replace("grid", "map"), "no line 'grid'")

    def test_the_ladder_builds_on_kernels_and_judge(self):
        self.expect("examples/ladder/a.cu",
                    HEADER + "#include <voluta/kernels/common/wgmma.cuh>\n"
                    "#include <voluta/judge/race.h>\n#include <voluta/examples/ladder/ladder.h>\n")

    def test_placeholders(self):
        self.expect("core/a.cpp", "// regs @REGS@\n", ":1: unfinished")
        self.expect("core/a.cpp", "int a;  // TO" "DO\n", ":1: unfinished")

    def test_vendor_headers_outside_their_rooms(self):
        for path, name in (
                ("kernels/conv2d/conv2d_direct.cu", "cudnn.h"), ("core/a.cpp", "cudnn_graph.h"),
                ("kernels/linear/linear_cudnn.cpp", "cublasLt.h"), ("core/a.cpp", "dnnl.hpp"),
                ("layers/a.cpp", "dnnl.hpp"), ("train/a.cpp", "CLI/CLI.hpp"),
                ("core/device/a.cpp", "boost/context/fiber.hpp"), ("train/a.cpp", "nccl.h"),
                ("train/a.cpp", "zlib.h"), ("layers/a.cpp", "cuda_runtime.h"),
                ("core/a.cpp", "gtest/gtest.h"), ("kernels/conv2d/conv2d.cpp", "cuda_bf16.h")):
            with self.subTest(path=path, name=name):
                self.expect(path, f"{HEADER}#include <{name}>\n", "may only be included by")
                (self.root / path).unlink()

    def test_vendor_headers_inside_their_rooms(self):
        for path, name in (
                ("kernels/conv2d/conv2d_cudnn.cpp", "cudnn.h"), ("io/gzip.cpp", "zlib.h"),
                ("kernels/common/onednn.h", "dnnl.hpp"), ("tools/command_line.cpp", "CLI/CLI.hpp"),
                ("core/device/cuda_runtime.cpp", "cuda_runtime_api.h"),
                ("simt/fiber.cpp", "boost/context/detail/fcontext.hpp")):
            with self.subTest(path=path, name=name):
                self.expect(path, f"#include <{name}>\n")
                (self.root / path).unlink()

    def test_dependencies_in_public_headers(self):
        for name in ("fmt/format.h", "nlohmann/json.hpp", "zlib.h", "dnnl.hpp", "cuda_runtime.h",
                     "omp.h"):
            with self.subTest(name=name):
                self.expect("core/public.h", f"#pragma once\n#include <{name}>\n", ":2: ")

    def test_public_headers_need_only_public_headers(self):
        self.expect("kernels/pool2d/pool2d.h", "#include <voluta/kernels/common/onednn.h>\n",
                    "not installed")

    def test_device_code_in_host_code(self):
        self.expect("kernels/conv2d/a.cpp", "#include <voluta/core/device/launch.cuh>\n",
                    "only .cu and .cuh files include device code")

    def test_relative_includes(self):
        self.expect("core/a.cpp", '#include "shape.h"\n', "by its full name")
        self.expect("core/a.cpp", "")
        self.expect("tests/judge/a.cpp", '#include "judge.h"\n')
        self.expect("tests/judge/a.cpp", '#include "../core/shape.h"\n', "by its full name")

    def test_comments_and_strings_are_no_code(self):
        self.expect("core/a.cpp", '/*\n#include <dnnl.hpp>\n*/\nconst char* s = "a<<<b";\n'
                    "// <<<\nconstexpr int n = 1'000'000;\n")

    def test_length(self):
        self.expect("core/a.cpp", "\n" * 401, "longer than 400 lines")
        self.expect("core/a.cpp", "\n" * 400)

    def test_documents_quote_the_code(self):
        self.expect("README.md", "```cpp core/shape.h\n#include <vector>\n```\n```sh\nls\n```\n")
        self.expect("README.md", "\n```cpp core/shape.h\n#include <list>\n```\n", ":2: ")

    def test_a_header_that_leans_on_its_includer(self):
        self.write("core/bad.h", "#pragma once\ninline std::string name();\n")
        self.write("core/good.h", "#pragma once\n#include <string>\nstd::string name();\n")
        errors = compile_alone(["core/bad.h", "core/good.h"], self.root, self.root / "build")
        self.assertEqual(["core/bad.h"], list(errors))

    def test_headers_that_define_one_name_twice(self):
        self.write("core/a.h", "#pragma once\nstruct Point { int x; };\n")
        self.write("train/b.h", "#pragma once\nstruct Point { double x; };\n")
        build = self.root / "build"
        self.assertEqual({}, compile_alone(["core/a.h", "train/b.h"], self.root, build))
        self.assertIn("Point", compile_together(["core/a.h", "train/b.h"], self.root, build))
        self.assertEqual("", compile_together(["core/a.h", "core/a.h"], self.root, build))


if __name__ == "__main__":
    unittest.main()
