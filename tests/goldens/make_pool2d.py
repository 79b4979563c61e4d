#!/usr/bin/env python3
"""Writes pool2d.safetensors: min pooling (-max_pool2d(-x)), ceil mode and the divisors of averages,
as ops.safetensors (see make_goldens.py), with their gradients.

    python3 tests/goldens/make_pool2d.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import leaf, reals, record, spoil_with_nan, spoil_with_ties


def extreme(x, kind, window, stride, pad, ceil):
    """y, and the position r*S + s of each winner."""
    sign = -1 if kind == "min" else 1
    y, index = F.max_pool2d(sign * x, window, stride, pad, 1, ceil, return_indices=True)
    first = [torch.arange(y.shape[2 + i]) * stride[i] - pad[i] for i in (0, 1)]
    width = x.shape[3]
    r, s = index // width - first[0].view(-1, 1), index % width - first[1]
    return sign * y, (r * window[1] + s).to(torch.uint8)


def pool2d(kind, n, h, w, c, window, stride, pad=(0, 0), ceil=False, spoil=None):
    x = leaf(n, c, h, w)
    if spoil:
        with torch.no_grad():
            spoil(x)
    line = (f"n{n}h{h}w{w}c{c}r{window[0]}s{window[1]}u{stride[0]}v{stride[1]}"
            f"pt{pad[0]}pb{pad[0]}pl{pad[1]}pr{pad[1]}" + (" ceil" if ceil else ""))
    if kind in ("max", "min"):
        y, argmax = extreme(x, kind, window, stride, pad, ceil)
        record(f"pool2d {line} {kind} argmax", [x], [y, argmax])
    else:
        y = F.avg_pool2d(x, window, stride, pad, ceil, count_include_pad=kind == "average")
        record(f"pool2d {line} {kind}", [x], [y])
    if spoil:
        return
    dy = reals(*y.shape)
    (dx,) = torch.autograd.grad(y, [x], dy)
    if kind in ("max", "min"):
        record(f"max_pool2d_gradient {line} {kind}", [dy, argmax], [dx])
    else:
        record(f"average_pool2d_gradient {line} {kind}", [dy], [dx])


def main():
    for kind in ("max", "min", "average", "average exclude_pad"):
        pool2d(kind, 1, 8, 8, 4, (3, 3), (2, 2), (0, 0), True)   # GoogLeNet
        pool2d(kind, 1, 5, 6, 3, (3, 3), (1, 1), (1, 1), True)   # GoogLeNet, Inception v3
        pool2d(kind, 1, 6, 9, 3, (3, 2), (2, 3), (1, 0), True)   # past the padding below
        pool2d(kind, 2, 7, 7, 2, (2, 2), (3, 3), (1, 1), True)   # a last window is dropped
        pool2d(kind, 1, 1, 2, 5, (2, 3), (2, 2), (0, 1), True)   # a window larger than the picture
    pool2d("min", 1, 7, 7, 2, (3, 3), (2, 2), (1, 1))
    pool2d("min", 2, 6, 8, 4, (2, 2), (2, 2))
    pool2d("max", 1, 16, 17, 2, (16, 16), (1, 1))                # positions up to 255
    for spoil in (spoil_with_ties, spoil_with_nan):
        pool2d("min", 1, 6, 8, 2, (3, 3), (1, 1), (1, 1), False, spoil)
        pool2d("max", 1, 6, 8, 4, (3, 3), (2, 2), (0, 0), True, spoil)
    make_goldens.save("pool2d")


if __name__ == "__main__":
    main()
