"""Behaves like kernel_tests on a GPU that has trouble. A test's name says what becomes of it:
conv2d.1_ok, conv2d.2_fail, conv2d.3_skip, conv2d.4_hang, conv2d.5_watchdog, conv2d.6_lost,
conv2d.7_crash. Trouble is the engine evil's, which VOLUTA_SKIP_ENGINES may name.
"""
import os
import signal
import sys
import time
from fnmatch import fnmatch

TESTS = os.environ["FAKE_TESTS"].split()
FLAGS = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])


def say(text):
    print(text, flush=True)


def chosen():
    if "gtest_flagfile" not in FLAGS:
        return TESTS
    with open(FLAGS["gtest_flagfile"]) as lines:
        text = lines.read().strip().removeprefix("--gtest_filter=")
    return [test for test in TESTS if test in text.split(":")]


def takes(engine):
    only = os.environ.get("VOLUTA_ENGINES", "*").split(",")
    without = os.environ.get("VOLUTA_SKIP_ENGINES", "").split(",")
    return any(fnmatch(engine, p) for p in only) and not any(fnmatch(engine, p) for p in without)


def trouble(kind):
    if kind == "hang":
        time.sleep(60)
    if kind == "watchdog":
        os._exit(97)
    if kind == "lost":
        os._exit(86)
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)


def run(test):
    suite, name = test.split(".")
    kind = name.split("_")[1]
    say(f"[ RUN      ] {test}")
    if kind == "skip":
        say(f"[  SKIPPED ] {test} (0 ms)")
        return
    for engine in filter(takes, ("good", "evil")):
        say(f"engine {engine}: {suite} n1c{name[0]}")
        if engine == "evil":
            trouble(kind)
    failed = kind == "fail" and takes("evil")
    if failed:
        say(f"main.cpp:1: Failure\n{suite} n1c{name[0]}, engine evil, integers: 1 is not 2 | no")
    end = f"[  FAILED  ] {test}, where TypeParam = x" if failed else f"[       OK ] {test}"
    say(f"{end} (3 ms)")


if "gtest_list_tests" in FLAGS:
    say("7 problems, VOLUTA_SEED=1")
    for suite in dict.fromkeys(test.split(".")[0] for test in TESTS):
        print(f"{suite}.")
        for test in TESTS:
            if test.startswith(f"{suite}."):
                print(f"  {test.split('.')[1]}  # GetParam() = 1")
    sys.exit(0)
for each in chosen():
    run(each)
say("conv2d good        2 problems       2 passed     0 failed      0 skipped  "
    "at most 0.25 of the bound (conv2d n1c1)")
