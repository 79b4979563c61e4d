#!/usr/bin/env python3
"""Writes the measured columns of the ladder into a README, between its two markers:
ladder.py LADDER.JSON [--readme kernels/conv2d/README.md]

LADDER.JSON is what `ladder --json` wrote (examples/ladder), or measure.py's ladder.json, which names
date and commit too. A run that was not timed, under simt, says "never run on hardware".
"""
import argparse
import json
import sys
from pathlib import Path

BEGIN, END = "<!-- measured by scripts/gpu/ladder.py -->", "<!-- end of measured -->"
README = Path(__file__).resolve().parents[2] / "kernels" / "conv2d" / "README.md"
PROBLEM = "conv2d n32h28w28c128k128r3s3p1 bf16"  # on a GPU; runs under simt are smaller
HEAD = ["| step | ms | TFLOP/s | x of the step before |", "|---|--:|--:|--:|"]


def is_aside(step):
    """06b_padded_rows: a step that was tried and not built upon."""
    return step["step"].split("_")[0].endswith("b")


def row(step, before):
    name = step["step"]
    if "excluded" in step:
        return f"| {name} | not run: {step['excluded']} | | |"
    if not step["correct"]:
        return f"| {name} | wrong | | |"
    if "ms" not in step:
        return f"| {name} | | | |"
    ms = step["ms"]["median"]
    gain = f"{before / ms:.2f}" if before else ""
    return f"| {name} | {ms:.4f} | {step['tflops']:.1f} | {gain} |"


def table(run):
    if run["timed"]:
        when = ", ".join(run[key] for key in ("driver", "date", "commit") if run.get(key))
        about = (f"Measured on {run['device']} ({when}): `{run['problem']}`, median of the samples, "
                 "L2 cold, steps in turns.")
    else:
        about = f"`{PROBLEM}`: never run on hardware."
    rows, before = [], None
    for step in run["steps"]:
        rows.append(row(step, before))
        if "ms" in step and not is_aside(step):
            before = step["ms"]["median"]
    return "\n".join([about, "", *HEAD, *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    text = args.readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        print(f"ladder: {args.readme} does not have the two markers once each", file=sys.stderr)
        return 1
    run = json.loads(args.run.read_text(encoding="utf-8"))
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    args.readme.write_text(f"{before}{BEGIN}\n{table(run)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
