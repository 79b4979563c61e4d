#!/usr/bin/env python3
"""Writes bias.safetensors: biases of one value an output cell, as ops.safetensors (see
make_goldens.py).

    python3 tests/goldens/make_bias.py
"""
import torch

import make_goldens
from make_goldens import leaf, reals, record


def untied(n, h, w, c):
    x, bias = leaf(n, c, h, w), leaf(c, h, w)
    y, dy = x + bias, reals(n, c, h, w)
    (db,) = torch.autograd.grad(y, [bias], dy)
    record(f"bias n{n}h{h}w{w}c{c} axes3", [x, bias], [y])
    record(f"bias_gradient n{n}h{h}w{w}c{c} axes3", [dy], [db])


def main():
    untied(2, 3, 4, 5)
    untied(3, 2, 2, 8)
    untied(1, 5, 1, 3)
    make_goldens.save("bias")


if __name__ == "__main__":
    main()
