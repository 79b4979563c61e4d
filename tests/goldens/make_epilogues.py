#!/usr/bin/env python3
"""Writes epilogues.safetensors: convolutions with batch norm in evaluation, a shortcut and an
activation behind them, and batch norm's scale and shift, as ops.safetensors (see make_goldens.py).

    python3 tests/goldens/make_epilogues.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import ACTIVATIONS, leaf, reals, record


EPSILON = 0.25


def sixteenths(n):
    return (reals(n) * 16).round() / 16


def statistics(n):
    """Weight, bias, mean and variance whose scale and shift are f32 to the last bit: deviations of
    1, 2 and 4, all else in sixteenths."""
    deviations = 2.0 ** torch.tensor([i % 3 for i in range(n)], dtype=torch.float64)
    return sixteenths(n), sixteenths(n), sixteenths(n), deviations ** 2 - EPSILON


def epilogue(n, h, w, c, k, r, stride=1, groups=1, bias=False, norm=True, residual=True,
             activation="relu"):
    """conv2d, and the same as depthwise_conv2d where every channel is a group of its own."""
    x, weight = leaf(n, c, h, w), leaf(k, c // groups, r, r)
    inputs, words = [x, weight], ""
    b = None
    if bias:
        b = leaf(k)
        inputs, words = inputs + [b], words + " bias"
    y = F.conv2d(x, weight, b, stride, r // 2, 1, groups)
    if norm:
        gamma, beta, mean, var = statistics(k)
        y = F.batch_norm(y, mean, var, gamma, beta, False, 0.1, EPSILON)
        scale = gamma / torch.sqrt(var + EPSILON)
        shift = beta - mean * scale
        record(f"batch_norm_scale_shift c{k} eps{EPSILON}", [gamma, beta, mean, var],
               [scale, shift])
        inputs, words = inputs + [scale, shift], words + " scale_shift"
    if residual:
        z = leaf(*y.shape)
        y = y + z
        inputs, words = inputs + [z], words + " residual"
    y = ACTIVATIONS[activation](y)
    line = f"n{n}h{h}w{w}c{c}k{k}r{r}s{r}p{r // 2}u{stride}"
    record(f"conv2d {line}g{groups}{words} {activation}", inputs, [y])
    if groups == c:
        record(f"depthwise_conv2d {line}{words} {activation}", inputs, [y])


def main():
    epilogue(2, 5, 6, 4, 8, 3)
    epilogue(1, 7, 5, 3, 5, 1, bias=True)
    epilogue(2, 8, 8, 8, 16, 3, stride=2, residual=False)
    epilogue(1, 6, 6, 8, 8, 3, groups=8, activation="relu6")
    epilogue(1, 7, 7, 6, 12, 5, groups=6, bias=True, activation="tanh")
    epilogue(2, 5, 5, 4, 6, 3, norm=False, bias=True)
    make_goldens.save("epilogues")


if __name__ == "__main__":
    main()
