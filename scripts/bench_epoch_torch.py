#!/usr/bin/env python3
"""LeNet-5 on MNIST in PyTorch, as a user after speed would write it: the opponent of voluta train.

All pictures are in the device's memory and normalised before the clock starts. Mini-batches are cut
from one shuffled tensor ("indexing"), or come from a DataLoader without workers ("loader"); "graph"
replays the whole step as one CUDA graph. Prints one JSON document.
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


def load(folder, split, device):
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz").float().div_(255)
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz").long()
    return images.sub_(MEAN).div_(STD).unsqueeze(1).contiguous().to(device), labels.to(device)


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
    order = torch.randperm(len(images), device=images.device)
    for begin in range(0, len(images), size):
        chosen = order[begin:begin + size]
        yield images[chosen], labels[chosen]


def make_step(model, optimizer):
    loss_of = nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(x), y).backward()
        optimizer.step()
    return step


def captured(step, images, labels, size):
    """The step as a CUDA graph for full batches; a smaller last batch runs eagerly."""
    x, y = images[:size].clone(), labels[:size].clone()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            step(x, y)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(x, y)

    def replay(next_x, next_y):
        if len(next_x) != size:
            return step(next_x, next_y)
        x.copy_(next_x)
        y.copy_(next_y)
        graph.replay()
    return replay


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-path", type=Path, required=True)
    parser.add_argument("--mode", choices=("loader", "indexing", "graph"), default="indexing")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--images", type=int, help="train on the first N")
    parser.add_argument("--tf32", action="store_true")
    args = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.tf32
    torch.backends.cudnn.benchmark = True
    wait = torch.cuda.synchronize if args.device.startswith("cuda") else lambda: None
    images, labels = load(args.data_path, "train", args.device)
    images, labels = images[:args.images], labels[:args.images]
    test_images, test_labels = load(args.data_path, "t10k", args.device)
    model = lenet5().to(args.device)
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    step = make_step(model, torch.optim.SGD(model.parameters(), args.lr, args.momentum))
    if args.mode == "graph":
        step = captured(step, images, labels, args.batch_size)

    for _, batch in zip(range(20), batches("indexing", images, labels, args.batch_size)):
        step(*batch)  # warm-up: primitives are created and algorithms chosen at first use
    wait()
    seconds = []
    for _ in range(args.epochs):
        begin = time.perf_counter()
        for batch in batches(args.mode, images, labels, args.batch_size):
            step(*batch)
        wait()
        seconds.append(time.perf_counter() - begin)
    with torch.no_grad():
        accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "CPU"
    print(json.dumps({"framework": f"PyTorch {torch.__version__}", "device": name,
                      "mode": args.mode, "channels_last": args.channels_last, "tf32": args.tf32,
                      "images": len(images), "batch": args.batch_size, "seconds": seconds,
                      "test_accuracy": accuracy}))


if __name__ == "__main__":
    main()
