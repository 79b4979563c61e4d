#!/usr/bin/env python3
"""Writes models/attribution.safetensors: Grad-CAM and saliency by PyTorch's autograd in float64, weights and
pictures by formula.py.

    pip install torch numpy safetensors && python3 tests/goldens/make_attribution.py

<model>/{logits, cam, resized_cam, saliency, middle_cam}: for one picture and class 3 the logits [1,10],
the map of the last feature map [H,W], the same at the picture's size, the saliency map, and the map of
a layer in the middle. The metadata name that layer by model.
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import formula
import pytorch_models

FOLDER = pathlib.Path(__file__).resolve().parent
CLASS = 3
# Model: picture, module whose output is the last feature map, module in the middle.
CASES = {
    "mobilenet_v2": ((1, 3, 96, 96), "features.18", "features.6"),
    "resnet20": ((1, 3, 32, 32), "layer3.2", "layer2.0"),
}


def grad_cam(maps, gradient):
    """Selvaraju et al. 2017, equations 1 and 2."""
    alpha = gradient.mean((2, 3), keepdim=True)
    return F.relu((alpha * maps).sum(1, keepdim=True))


def main():
    tensors, layers = {}, {}
    for name, (shape, last, middle) in CASES.items():
        model = pytorch_models.build(name, 10)
        formula.load(model)
        model.eval()
        maps = {}
        for path in (last, middle):
            module = model.get_submodule(path)
            module.register_forward_hook(lambda _, __, y, path=path: maps.__setitem__(path, y))
        picture = formula.tensor("input", shape).double().requires_grad_()
        logits = model(picture)
        gradients = torch.autograd.grad(logits[0, CLASS], [picture, maps[last], maps[middle]])
        cam = grad_cam(maps[last], gradients[1])
        results = {
            "logits": logits, "cam": cam[0, 0],
            "resized_cam": F.interpolate(cam, shape[2:], mode="bilinear")[0, 0],
            "saliency": gradients[0].abs().amax(1)[0],
            "middle_cam": grad_cam(maps[middle], gradients[2])[0, 0]}
        for key, value in results.items():
            tensors[f"{name}/{key}"] = value.detach().contiguous().clone()
        layers[name] = middle
        print(name, {key: float(value.detach().abs().max()) for key, value in results.items()})
    save_file(tensors, FOLDER / "models" / "attribution.safetensors", layers)


if __name__ == "__main__":
    main()
