#!/usr/bin/env python3
"""Writes weight_tying.safetensors: a parameter used twice, in PyTorch, float64.

    python3 tests/goldens/make_weight_tying.py

y = tanh(tanh(x W^T) W^T), loss = mean (y - target)^2. Holds x, target and W (f32) with loss,
grad.weight and, after one step of SGD with learning rate 0.5 and momentum 0.9, weight_after (f64).
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parent


def main():
    torch.manual_seed(20240229)
    x, target, weight = torch.randn(4, 6), torch.randn(4, 6), torch.randn(6, 6)
    tied = torch.nn.Parameter(weight.double())
    optimizer = torch.optim.SGD([tied], lr=0.5, momentum=0.9)
    hidden = torch.tanh(F.linear(x.double(), tied))
    loss = F.mse_loss(torch.tanh(F.linear(hidden, tied)), target.double())
    loss.backward()
    gradient = tied.grad.clone()
    optimizer.step()
    save_file({"x": x, "target": target, "weight": weight, "loss": loss.detach(),
               "grad.weight": gradient, "weight_after": tied.detach()},
              FOLDER / "weight_tying.safetensors")


if __name__ == "__main__":
    main()
