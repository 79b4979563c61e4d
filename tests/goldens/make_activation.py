#!/usr/bin/env python3
"""Writes activation.safetensors: leaky_relu, hardswish and silu, as ops.safetensors (see
make_goldens.py), with their gradients, which read x except where leaky_relu's slope is positive;
and every kind behind a convolution and a matrix product.

    python3 tests/goldens/make_activation.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import leaf, reals, record

SPECIAL = [0.0, -0.0, 3.0, -3.0, 6.0, -30.0, 30.0, 1e-3, -1.278, -2.9999, 2.9999]


def kind(words, function, from_output=False):
    x = leaf(2, 5, 3, 4)
    with torch.no_grad():
        x *= 4
        x.view(-1)[:len(SPECIAL)] = torch.tensor(SPECIAL)
        x.copy_(x.float().double())
    y, dy = function(x), reals(*x.shape)
    (dx,) = torch.autograd.grad(y, [x], dy)
    line = f"n2h3w4c5 {words}"
    record(f"activation {line}", [x], [y])
    record(f"activation_gradient {line}", [y if from_output else x, dy], [dx])
    # What is no number, in x and, for the gradient, in what it keeps; not among the last, which
    # PyTorch's vector loop leaves over: hardswish's gradient at a NaN is dy there, else NaN.
    spoiled = x.detach().clone()
    spoiled.view(-1)[:90:7] = float("nan")
    spoiled.view(-1)[1:90:7] = float("inf")
    spoiled.view(-1)[2:90:7] = -float("inf")
    spoiled.requires_grad_()
    y = function(spoiled)
    (dx,) = torch.autograd.grad(y, [spoiled], dy)
    record(f"activation {line}", [spoiled], [y])
    record(f"activation_gradient {line}", [y if from_output else spoiled, dy], [dx])


def fused(words, function):
    """Behind a convolution and a matrix product, with a NaN that reaches some outputs."""
    x, weight, bias = reals(1, 3, 4, 5), reals(6, 3, 3, 3), reals(6)
    x[0, 1, 0, 0] = float("nan")
    y = function(F.conv2d(x, weight, bias, padding=1))
    record(f"conv2d n1h4w5c3k6r3s3p1 bias {words}", [x, weight, bias], [y])
    x, weight, bias = reals(3, 7), reals(5, 7), reals(5)
    x[1, 2] = float("nan")
    record(f"linear n3f7m5 bias {words}", [x, weight, bias], [function(F.linear(x, weight, bias))])


def main():
    kind("leaky_relu", F.leaky_relu, from_output=True)
    kind("leaky_relu slope0.25", lambda x: F.leaky_relu(x, 0.25), from_output=True)
    kind("leaky_relu slope-0.5", lambda x: F.leaky_relu(x, -0.5))
    kind("leaky_relu slope0", lambda x: F.leaky_relu(x, 0.0))
    kind("hardswish", F.hardswish)
    kind("silu", F.silu)
    for words, function in {**make_goldens.ACTIVATIONS, "leaky_relu": F.leaky_relu,
                            "hardswish": F.hardswish, "silu": F.silu}.items():
        fused(words, function)
    make_goldens.save("activation")


if __name__ == "__main__":
    main()
