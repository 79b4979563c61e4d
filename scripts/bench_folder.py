#!/usr/bin/env python3
"""MobileNetV2 on a folder of pictures by recipes/mobilenet_v2-caltech10.toml: voluta against PyTorch.

  scripts/bench_folder.py [--data-path FOLDER] [--pairs 1] [--python PYTHON-WITH-TORCHVISION]

All epochs of the recipe on the same two cores, from JPEG files to the trained model. Runs alternate,
each a fresh process, so that a change of the machine's load meets both. PyTorch runs in the fastest of
its own ways (bench_folder_torch.py), chosen by two epochs of each. The clock covers training alone.
Writes docs/measurements/folder-mobilenet_v2-cpu.json and prints the ratio of the pairs.
"""
import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench_epoch import CORES, ROOT, commit, cpu_name, run, spread

RECIPE = ROOT / "recipes" / "mobilenet_v2-caltech10.toml"
TRIAL_EPOCHS = 2
TORCH_WAYS = [("--workers", workers, *layout) for workers in ("0", "1")
              for layout in ((), ("--channels-last",))]


def find_data(given):
    folders = [given] if given else [
        *([os.environ["VOLUTA_DATA"]] if os.environ.get("VOLUTA_DATA") else []),
        ROOT.parent / "shared" / "data"]
    for folder in map(Path, folders):
        for data in (folder, folder / "caltech101-10"):
            if (data / "train").is_dir() and (data / "test").is_dir():
                return data.resolve()
    sys.exit("bench_folder: no folder with train and test; give --data-path")


def voluta_run(binary, data, seed):
    """(seconds of training, test accuracy)"""
    with tempfile.TemporaryDirectory() as folder:
        run([binary, "train", "--config", RECIPE, "--device", "cpu", "--data-path", data, "--seed",
             seed, "--output-dir", folder, "--quiet"])
        epochs = [line for line in map(json.loads, open(f"{folder}/metrics.jsonl"))
                  if line["event"] == "epoch"]
    return sum(epoch["train_seconds"] for epoch in epochs), epochs[-1]["test_top1"]


def torch_run(python, data, way, seed=0, epochs=()):
    """(seconds of training, test accuracy, version)"""
    answer = json.loads(run([python, ROOT / "scripts" / "bench_folder_torch.py", "--data-path",
                             data, "--recipe", RECIPE, "--threads", CORES, "--seed", seed, *way,
                             *epochs]))
    return sum(answer["seconds"]), answer["test_accuracy"], answer["framework"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-path")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torchvision")
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "voluta")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--output",
                        default=ROOT / "docs" / "measurements" / "folder-mobilenet_v2-cpu.json")
    args = parser.parse_args()

    data = find_data(args.data_path)
    trial = {way: torch_run(args.python, data, way, epochs=("--epochs", TRIAL_EPOCHS))[0]
             for way in TORCH_WAYS}
    way = min(trial, key=trial.get)
    print("PyTorch runs with", " ".join(way), file=sys.stderr)

    ours, theirs, accuracies, torch_accuracies = [], [], [], []
    for pair in range(args.pairs):
        seconds, accuracy = voluta_run(args.binary, data, pair)
        torch_seconds, torch_accuracy, framework = torch_run(args.python, data, way, pair)
        ours.append(seconds), theirs.append(torch_seconds)
        accuracies.append(accuracy), torch_accuracies.append(torch_accuracy)
        print(f"pair {pair + 1}: voluta {seconds:.1f} s, {accuracy:.2%}; PyTorch "
              f"{torch_seconds:.1f} s, {torch_accuracy:.2%}", file=sys.stderr)
    ratios = [b / a for a, b in zip(ours, theirs)]
    result = {
        "what": "seconds of training by recipes/mobilenet_v2-caltech10.toml, from JPEG files, f32",
        "date": datetime.date.today().isoformat(), "commit": commit(), "cpu": cpu_name(),
        "cores": CORES, "pairs": args.pairs,
        "voluta": {"seconds": spread(ours), "test_accuracy": accuracies},
        "pytorch": {"seconds": spread(theirs), "test_accuracy": torch_accuracies,
                    "version": framework, "way": " ".join(way), "trial_epochs": TRIAL_EPOCHS,
                    "trial_seconds": {" ".join(w): s for w, s in trial.items()}},
        "pytorch_over_voluta": spread(ratios),
    }
    Path(args.output).write_text(json.dumps(result, indent=1) + "\n")
    print(f"PyTorch takes {statistics.median(ratios):.2f} times as long "
          f"({min(ratios):.2f} to {max(ratios):.2f} in {args.pairs} pairs)")


if __name__ == "__main__":
    main()
