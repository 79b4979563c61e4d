"""Behaves like `voluta compare` on a GPU where the engine evil has trouble with the batch b.n32:
FAKE_TROUBLE is none, hang, watchdog or lost (the device is, as a row of it and the last line say).
"""
import json
import os
import sys
import time
from pathlib import Path

WORDS = sys.argv[1:]
ENGINES = ("good", "evil", "cudnn")
TROUBLE = os.environ["FAKE_TROUBLE"]


def value(flag):
    return WORDS[WORDS.index(flag) + 1]


def row(engine, **more):
    return {"op": "conv2d", "engine": engine, "problem": "conv2d n1", "supported": True,
            "reason": None, **more}


def perf(item, output):
    chosen = ENGINES if value("--engines") == "all" else value("--engines").split(",")
    rows = [row(engine) for engine in ENGINES if engine in chosen]
    partial = Path(f"{output}.partial")
    with partial.open("w") as lines:
        for each in rows:
            print(f"engine {each['engine']}: conv2d n1", file=sys.stderr, flush=True)
            if each["engine"] == "evil" and item == "b.n32":
                if TROUBLE == "hang":
                    time.sleep(60)
                if TROUBLE == "watchdog":
                    os._exit(97)
                if TROUBLE == "lost":
                    each["reason"] = "failed: an illegal memory access"
            print(json.dumps(each), file=lines, flush=True)
        if any(each["reason"] for each in rows):
            print(json.dumps({"incomplete": "the device was lost"}), file=lines)
            sys.exit(1)
    output.write_text(json.dumps(rows))
    partial.unlink()


if "--help" in WORDS:
    print("--ops --no-check")
elif value("--mode") == "support":
    print(json.dumps([row(engine) for engine in ENGINES]))
else:
    perf(WORDS[-1], Path(value("--output")))
