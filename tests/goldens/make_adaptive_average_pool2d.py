#!/usr/bin/env python3
"""Writes adaptive_average_pool2d.safetensors: adaptive average pooling and its gradient, as
ops.safetensors (see make_goldens.py).

    python3 tests/goldens/make_adaptive_average_pool2d.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import leaf, reals, record, spoil_with_nan


def pool(n, h, w, c, p, q, spoil=None):
    x = leaf(n, c, h, w)
    if spoil:
        with torch.no_grad():
            spoil(x)
    line = f"n{n}h{h}w{w}c{c}oh{p}ow{q}"
    y = F.adaptive_avg_pool2d(x, (p, q))
    record(f"adaptive_average_pool2d {line}", [x], [y])
    if spoil:
        return
    dy = reals(*y.shape)
    (dx,) = torch.autograd.grad(y, [x], dy)
    record(f"adaptive_average_pool2d_gradient {line}", [dy], [dx])


def main():
    pool(2, 7, 7, 8, 1, 1)
    pool(1, 5, 6, 3, 1, 1)
    pool(1, 13, 10, 4, 6, 6)
    pool(2, 7, 5, 3, 3, 2)
    pool(1, 3, 2, 4, 7, 7)   # more windows than rows
    pool(1, 4, 6, 2, 4, 3)
    pool(1, 5, 4, 4, 2, 2, spoil_with_nan)
    pool(1, 3, 3, 4, 1, 1, spoil_with_nan)
    make_goldens.save("adaptive_average_pool2d")


if __name__ == "__main__":
    main()
