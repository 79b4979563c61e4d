#!/usr/bin/env python3
"""Writes models/models.safetensors: what PyTorch computes in float64 with every architecture at a small input
size and ten classes, weights and images by formula.py.

    pip install torch torchvision timm numpy safetensors && python3 tests/goldens/make_models.py

The metadata hold, by model, JSON {"input": [N,C,H,W], "classes", "parameters": [names]}; the tensors
are <model>/<eval|train>/logits [N,classes], .../loss [], .../gradients f64 [parameters, 5], a row of
formula.digest() for each parameter (zeros where the loss does not depend on it).
"""
import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import formula
import pytorch_models

FOLDER = pathlib.Path(__file__).resolve().parent
CLASSES = 10

# The smallest pictures that leave batch norm a dozen values a channel.
INPUTS = {
    "lenet5": (4, 1, 28, 28), "digits_fcn": (4, 1, 28, 28),
    "alexnet": (2, 3, 63, 63), "alexnet_lrn": (2, 3, 67, 67), "zfnet": (2, 3, 65, 65),
    "all_cnn_c": (2, 3, 16, 16), "googlenet": (3, 3, 64, 64), "inception_v3": (2, 3, 299, 299),
    "mobilenet_v1": (3, 3, 48, 48), "mobilenet_v2": (3, 3, 48, 48),
} | {f"vgg{d}": (1, 3, 32, 32) for d in (11, 13, 16, 19)} \
  | {f"vgg{d}_bn": (3, 3, 64, 64) for d in (11, 13, 16, 19)} \
  | {f"resnet{d}": (3, 3, 48, 48) for d in (18, 34, 50, 101, 152)} \
  | {f"resnet{d}": (3, 3, 16, 16) for d in (20, 32, 44, 56, 110)} \
  | {name: (3, 3, 48, 48) for name in ("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2",
                                       "wide_resnet101_2")}


def record(name, shape, tensors):
    model = pytorch_models.build(name, CLASSES)
    images = formula.tensor("input", shape).double()
    labels = formula.labels(shape[0], CLASSES)
    names = sorted(key for key, _ in model.named_parameters())
    formula.load(model)
    for mode in ("eval", "train"):  # in this order: training moves the running statistics
        model.train(mode == "train")
        model.zero_grad()
        logits, loss = pytorch_models.loss_of(name, model(images), labels)
        loss.backward()
        parameters = dict(model.named_parameters())
        rows = [formula.digest(key, parameters[key].grad) if parameters[key].grad is not None
                else [0.0] * 5 for key in names]
        prefix = f"{name}/{mode}/"
        tensors[prefix + "logits"] = logits.detach().clone()
        tensors[prefix + "loss"] = loss.detach().clone()
        tensors[prefix + "gradients"] = torch.tensor(rows, dtype=torch.float64)
        print(f"{prefix:<24} loss {loss.item():.6g}", flush=True)
    return json.dumps({"input": list(shape), "classes": CLASSES, "parameters": names})


def main():
    """Makes the models named on the command line again, or all."""
    path, tensors, metadata = FOLDER / "models" / "models.safetensors", {}, {}
    if len(sys.argv) > 1 and path.exists():
        with safe_open(path, "pt") as file:
            metadata = dict(file.metadata())
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    for name in sys.argv[1:] or INPUTS:
        metadata[name] = record(name, INPUTS[name], tensors)
        save_file(tensors, path, metadata)


if __name__ == "__main__":
    main()
