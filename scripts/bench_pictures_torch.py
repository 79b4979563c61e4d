#!/usr/bin/env python3
"""Images a second of CPU time that torchvision prepares for training: see bench_pictures.py.

Two ways: "pillow", ImageFolder's own loader and the reference's presets on PIL pictures; "tensor",
torchvision.io.decode_jpeg and the same transforms on tensors.
"""
import argparse
import json
import pathlib
import random
import time

import torch
import torchvision
from torchvision.transforms import v2

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pillow_way(folder, crop):
    see = v2.Compose([v2.RandomResizedCrop(crop, antialias=True), v2.RandomHorizontalFlip(),
                      v2.PILToTensor(), v2.ToDtype(torch.float, scale=True),
                      v2.Normalize(MEAN, DEVIATION)])
    data = torchvision.datasets.ImageFolder(folder, see)
    return len(data), lambda i: data[i][0]


def tensor_way(folder, crop):
    see = v2.Compose([v2.RandomResizedCrop(crop, antialias=True), v2.RandomHorizontalFlip(),
                      v2.ToDtype(torch.float, scale=True), v2.Normalize(MEAN, DEVIATION)])
    paths = sorted(pathlib.Path(folder).rglob("*.jpg"))
    mode = torchvision.io.ImageReadMode.RGB

    def load(i):
        return see(torchvision.io.decode_jpeg(torchvision.io.read_file(str(paths[i])), mode=mode))
    return len(paths), load


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-path", required=True)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--way", choices=("pillow", "tensor"), default="pillow")
    a = parser.parse_args()
    torch.set_num_threads(1)
    count, load = {"pillow": pillow_way, "tensor": tensor_way}[a.way](f"{a.data_path}/train", a.crop)
    order = list(range(count)) * a.epochs
    random.Random(0).shuffle(order)
    load(0)
    start = time.process_time()
    for i in range(0, len(order), 64):
        torch.stack([load(j) for j in order[i:i + 64]])
    print(json.dumps({"images_per_core_second": len(order) / (time.process_time() - start)}))


if __name__ == "__main__":
    main()
