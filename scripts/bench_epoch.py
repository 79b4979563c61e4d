#!/usr/bin/env python3
"""An epoch of LeNet-5 on MNIST: voluta against PyTorch on the same two cores.

  scripts/bench_epoch.py [--data-path FOLDER] [--pairs 5] [--python PYTHON-WITH-TORCH]

Runs alternate (voluta, PyTorch, voluta, ...), each a fresh process that counts an epoch after a
warm-up (voluta: after an epoch), so that a change of the machine's load meets both. PyTorch runs in
the fastest of four ways of its own (bench_epoch_torch.py), chosen in a trial. Batch 64, SGD with
momentum, f32; the clock covers training alone. Writes docs/measurements/epoch-lenet5-cpu.json and
prints the median ratio of the pairs. Without --python, PyTorch is installed into build/torch-venv.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
TRIAL_IMAGES = 6400
TORCH_WAYS = (("--mode", "indexing"), ("--mode", "indexing", "--channels-last"),
              ("--mode", "loader"), ("--mode", "loader", "--channels-last"))


def run(command, **options):
    """Standard output of a command on the first two cores."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    environment = dict(os.environ, OMP_NUM_THREADS=str(CORES))
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores),
                          **options)
    if done.returncode:
        sys.exit(f"bench_epoch: {command[0]} failed with exit code {done.returncode}")
    return done.stdout


def find_data(given):
    folders = [given] if given else [
        *([os.environ["VOLUTA_DATA"] + "/mnist"] if os.environ.get("VOLUTA_DATA") else []),
        ROOT.parent / "shared" / "data" / "mnist", ROOT / "build" / "data" / "mnist"]
    for folder in map(Path, folders):
        if any(folder.glob("train-images-idx3-ubyte*")):
            return folder.resolve()
    sys.exit("bench_epoch: no MNIST; give --data-path")


def python_with_torch(given):
    if given:
        return given
    venv = ROOT / "build" / "torch-venv"
    python = venv / "bin" / "python"
    has_torch = python.exists() and subprocess.run([python, "-c", "import torch"],
                                                   capture_output=True).returncode == 0
    if not has_torch:
        print("installing PyTorch into build/torch-venv", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "numpy"], check=True)
    return python


def voluta_epoch(binary, data, batch):
    """(seconds of the second epoch, test accuracy after it)"""
    with tempfile.TemporaryDirectory() as folder:
        run([binary, "train", "--model", "lenet5", "--device", "cpu", "--data-path", data,
             "--epochs", 2, "--batch-size", batch, "--lr", 0.05, "--lr-scheduler", "constant",
             "--weight-decay", 0, "--output-dir", folder, "--quiet"])
        lines = [json.loads(line) for line in open(f"{folder}/metrics.jsonl")]
    epoch = [line for line in lines if line["event"] == "epoch"][-1]
    return epoch["train_seconds"], epoch["test_top1"]


def torch_epoch(python, data, batch, way):
    """(seconds of the first epoch after a warm-up, test accuracy, version)"""
    answer = json.loads(run([python, ROOT / "scripts" / "bench_epoch_torch.py", "--data-path", data,
                             "--batch-size", batch, "--threads", CORES, *way]))
    return answer["seconds"][-1], answer["test_accuracy"], answer["framework"]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                          capture_output=True)
    return done.stdout.strip() or "unknown"


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-path")
    parser.add_argument("--python", help="a Python that has torch")
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "voluta")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--output",
                        default=ROOT / "docs" / "measurements" / "epoch-lenet5-cpu.json")
    args = parser.parse_args()

    data, python = find_data(args.data_path), python_with_torch(args.python)
    if not Path(args.binary).exists():
        sys.exit("bench_epoch: build/release/voluta is missing; run scripts/build.sh")
    part = ("--images", str(TRIAL_IMAGES))
    trial = {way: min(torch_epoch(python, data, args.batch_size, way + part)[0] for _ in range(2))
             for way in TORCH_WAYS}
    way = min(trial, key=trial.get)
    print("PyTorch runs with", " ".join(way), file=sys.stderr)

    ours, theirs = [], []
    for pair in range(args.pairs):
        seconds, accuracy = voluta_epoch(args.binary, data, args.batch_size)
        ours.append(seconds)
        seconds, torch_accuracy, framework = torch_epoch(python, data, args.batch_size, way)
        theirs.append(seconds)
        print(f"pair {pair + 1}: voluta {ours[-1]:.2f} s, PyTorch {theirs[-1]:.2f} s",
              file=sys.stderr)
    ratios = [b / a for a, b in zip(ours, theirs)]
    result = {
        "what": f"seconds of an epoch, LeNet-5 on MNIST, batch {args.batch_size}, f32",
        "date": datetime.date.today().isoformat(), "commit": commit(), "cpu": cpu_name(),
        "cores": CORES, "pairs": args.pairs,
        "voluta": {"seconds": spread(ours), "test_accuracy": accuracy},
        "pytorch": {"seconds": spread(theirs), "test_accuracy": torch_accuracy,
                    "version": framework, "way": " ".join(way),
                    "trial_images": TRIAL_IMAGES,
                    "trial_seconds": {" ".join(w): s for w, s in trial.items()}},
        "pytorch_over_voluta": spread(ratios),
    }
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps(result, indent=1) + "\n")
    print(f"voluta {statistics.median(ours):.2f} s, PyTorch {statistics.median(theirs):.2f} s: "
          f"PyTorch takes {statistics.median(ratios):.2f} times as long "
          f"({min(ratios):.2f} to {max(ratios):.2f} in {args.pairs} pairs)")


if __name__ == "__main__":
    main()
