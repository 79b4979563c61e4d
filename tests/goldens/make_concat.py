#!/usr/bin/env python3
"""Writes concat.safetensors: concat, channel_slice and channel_pad, as ops.safetensors (see
make_goldens.py).

    python3 tests/goldens/make_concat.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import leaf, reals, record


def concat(*channels):
    xs = [leaf(2, c, 3, 4) for c in channels]
    y, dy = torch.cat(xs, 1), reals(2, sum(channels), 3, 4)
    words = "".join(f" x{i}={c}" for i, c in enumerate(channels[1:], 1))
    record(f"concat n2h3w4c{channels[0]}{words}", xs, [y])
    offset = 0
    for x, dx in zip(xs, torch.autograd.grad(y, xs, dy)):
        words = f" offset{offset} channels{x.shape[1]}"
        record(f"channel_slice n2h3w4c{sum(channels)}{words}", [dy], [dx])
        offset += x.shape[1]


def pad(channels, before, after):
    x = leaf(2, channels, 3, 4)
    y = F.pad(x, (0, 0, 0, 0, before, after))
    record(f"channel_pad n2h3w4c{channels} before{before} after{after}", [x], [y])


def main():
    concat(5)
    concat(4, 8, 4)
    concat(1, 3, 2, 7)
    pad(4, 2, 2)
    pad(4, 4, 8)
    pad(3, 0, 1)
    make_goldens.save("concat")


if __name__ == "__main__":
    main()
