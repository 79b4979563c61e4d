#!/usr/bin/env python3
"""LeNet-5 on MNIST in PyTorch, as a user after speed would write it: the opponent of bench_epoch.py.

Everything is in memory and normalised before the clock starts; mini-batches are index_select'ed
from one tensor ("indexing") or come from a DataLoader with no workers ("loader"). One process trains
`--epochs` epochs and prints one JSON document.
"""
import argparse
import gzip
import json
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

MEAN, STD = 0.1307, 0.3081


def read_idx(path):
    data = gzip.open(path).read() if path.exists() else path.with_suffix("").read_bytes()
    rank = data[3]
    extents = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(bytearray(data[4 + 4 * rank:]), dtype=torch.uint8).reshape(extents)


def load(folder, split):
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz").float().div_(255)
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz").long()
    return images.sub_(MEAN).div_(STD).unsqueeze(1).contiguous(), labels


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def batches(mode, images, labels, size):
    if mode == "loader":
        yield from DataLoader(TensorDataset(images, labels), size, shuffle=True)
        return
    order = torch.randperm(len(images))
    for begin in range(0, len(images), size):
        chosen = order[begin:begin + size]
        yield images[chosen], labels[chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-path", type=Path, required=True)
    parser.add_argument("--mode", choices=("loader", "indexing"), default="indexing")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    images, labels = load(args.data_path, "train")
    test_images, test_labels = load(args.data_path, "t10k")
    model, loss_of = lenet5(), nn.CrossEntropyLoss()
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), args.lr, args.momentum)

    for _, (x, y) in zip(range(20), batches("indexing", images, labels, args.batch_size)):
        loss_of(model(x), y).backward()  # warm-up: primitives are created at first use
        optimizer.zero_grad(set_to_none=True)

    seconds = []
    for _ in range(args.epochs):
        begin = time.perf_counter()
        for x, y in batches(args.mode, images, labels, args.batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x), y).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - begin)
    with torch.no_grad():
        accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
    print(json.dumps({"framework": f"PyTorch {torch.__version__}", "mode": args.mode,
                      "seconds": seconds, "test_accuracy": accuracy}))


if __name__ == "__main__":
    main()
