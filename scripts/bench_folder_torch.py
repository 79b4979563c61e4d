#!/usr/bin/env python3
"""MobileNetV2 on a folder of pictures in torchvision, by a recipe of ours: the opponent of voluta train.

RandomResizedCrop, flip and one-cycle SGD, as torchvision's training reference has them. Prints one
JSON document; the seconds are those of training, without the tests and without start-up.
"""
import argparse
import json
import time
import tomllib
from pathlib import Path

import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms as T
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def loaders(data, recipe, workers):
    seen = [T.ToTensor(), T.Normalize(MEAN, STD)]
    train = T.Compose([T.RandomResizedCrop(recipe["train-crop-size"], tuple(recipe["scale"])),
                       T.RandomHorizontalFlip(recipe["hflip"]), *seen])
    test = T.Compose([T.Resize(recipe["val-resize-size"]), T.CenterCrop(recipe["val-crop-size"]),
                      *seen])
    batch = recipe["batch-size"]
    return (DataLoader(ImageFolder(data / "train", train), batch, shuffle=True,
                       num_workers=workers, persistent_workers=workers > 0),
            DataLoader(ImageFolder(data / "test", test), batch, num_workers=0))


def accuracy(model, pictures):
    model.eval()
    right = count = 0
    with torch.no_grad():
        for x, y in pictures:
            right += (model(x).argmax(1) == y).sum().item()
            count += len(y)
    return right / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-path", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--epochs", type=int, help="stop after so many; the rate is that of all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    recipe = tomllib.loads(args.recipe.read_text())
    train, test = loaders(args.data_path, recipe, args.workers)
    model = torchvision.models.mobilenet_v2(num_classes=len(train.dataset.classes),
                                            width_mult=recipe["width"])
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), recipe["lr"], recipe["momentum"],
                                weight_decay=recipe["weight-decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe["lr"],
                                                   total_steps=recipe["epochs"] * len(train))
    loss_of = torch.nn.CrossEntropyLoss()

    seconds = []
    for _ in range(args.epochs or recipe["epochs"]):
        model.train()
        begin = time.perf_counter()
        for x, y in train:
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x), y).backward()
            optimizer.step()
            schedule.step()
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({"framework": f"PyTorch {torch.__version__}", "workers": args.workers,
                      "channels_last": args.channels_last, "images": len(train.dataset),
                      "seconds": seconds, "test_accuracy": accuracy(model, test)}))


if __name__ == "__main__":
    main()
