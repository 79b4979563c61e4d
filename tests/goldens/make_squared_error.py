#!/usr/bin/env python3
"""Writes squared_error.safetensors: torch.nn.MSELoss and products with a scalar, as ops.safetensors
(see make_goldens.py).

    python3 tests/goldens/make_squared_error.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import leaf, reals, record


def squared_error(extents, *shape):
    prediction, target = leaf(*shape), leaf(*shape)
    loss = F.mse_loss(prediction, target)
    dloss = torch.tensor(0.75, dtype=torch.float64)
    by_prediction, by_target = torch.autograd.grad(loss, [prediction, target], dloss)
    record(f"squared_error {extents}", [prediction, target], [loss])
    record(f"squared_error_gradient {extents}", [prediction, target, dloss], [by_prediction])
    record(f"scale {extents} factor-1", [by_prediction.float().double()],
           [by_target.float().double()])


def spoiled(value):
    prediction, target = reals(3, 5), reals(3, 5)
    prediction[1, 2] = value
    target[2, 1] = value
    record("squared_error n3c5", [prediction, target], [F.mse_loss(prediction, target)])
    record("scale n3c5 factor0.3", [prediction], [0.3 * prediction])


def main():
    squared_error("n3c5", 3, 5)
    squared_error("c1", 1)
    squared_error("n2h3w4c5", 2, 5, 3, 4)
    spoiled(float("nan"))
    spoiled(float("inf"))
    make_goldens.save("squared_error")


if __name__ == "__main__":
    main()
