#!/usr/bin/env python3
"""JPEG files to training batches: voluta against torchvision, images a second of one core.

  scripts/bench_pictures.py --data-path FOLDER --python PYTHON-WITH-TORCHVISION
                            [--crop 224] [--pairs 5] [--epochs 3] [--enlarge 500x375]

Reading, decoding, a random resized crop, a flip, normalising and batching, on one thread. Runs take
turns (voluta, torchvision by both of its ways, voluta, ...), each a fresh process that counts the CPU
time it used, so that other programs on the machine change little. --enlarge first writes the pictures
anew, so that the longer side is the first number (ImageNet's are about 500 x 375), at JPEG quality
90. Prints the medians, and the median ratio of voluta to the faster way of each pair.
"""
import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ENLARGE = """
import pathlib, sys
from PIL import Image
source, target, side = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
for path in source.rglob("*.jpg"):
    image = Image.open(path)
    factor = side / max(image.size)
    size = [max(round(extent * factor), 1) for extent in image.size]
    to = target / path.relative_to(source)
    to.parent.mkdir(parents=True, exist_ok=True)
    image.resize(size, Image.Resampling.BICUBIC).save(to, quality=90)
"""


def rate(command):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          check=True)
    return json.loads(done.stdout)["images_per_core_second"]


def measure(a, folder):
    own = [ROOT / "build/release/voluta", "data", "bench", "--json", "--workers", 1, "--data-path",
           folder, "--train-crop-size", a.crop, "--epochs", a.epochs]
    theirs = [a.python, ROOT / "scripts/bench_pictures_torch.py", "--data-path", folder, "--crop",
              a.crop, "--epochs", a.epochs, "--way"]
    rates = {"voluta": [], "pillow": [], "tensor": []}
    for pair in range(a.pairs):
        rates["voluta"].append(rate(own))
        for way in ("pillow", "tensor"):
            rates[way].append(rate([*theirs, way]))
        print(f"pair {pair + 1}: " + ", ".join(f"{k} {v[-1]:.0f}" for k, v in rates.items()))
    ratios = [own / max(p, t) for own, p, t in zip(*rates.values())]
    print("img/s a core, median: " +
          ", ".join(f"{k} {statistics.median(v):.0f}" for k, v in rates.items()) +
          f"; ratio to the faster way {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-path", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--enlarge", type=lambda text: int(text.split("x")[0]))
    a = parser.parse_args()
    if not a.enlarge:
        return measure(a, a.data_path)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([a.python, "-c", ENLARGE, f"{a.data_path}/train", f"{folder}/train",
                        str(a.enlarge)], check=True)
        return measure(a, folder)


if __name__ == "__main__":
    main()
