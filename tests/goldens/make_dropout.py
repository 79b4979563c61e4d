#!/usr/bin/env python3
"""Writes dropout.safetensors: Philox masks by numpy, multiplied and differentiated by PyTorch.

    python3 tests/goldens/make_dropout.py      (form of the file: make_goldens.py)
"""
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import formula
from make_goldens import FOLDER, leaf, lines, reals, record, tensors


def uniforms(seed, stream, step, count):
    """Word i % 4 of Philox4x32-10 with key seed and counter (i / 4, step, stream)."""
    blocks = (count + 3) // 4
    ones = np.ones(blocks, np.uint64)
    counter = (np.arange(blocks, dtype=np.uint64), ones * np.uint64(step & 0xFFFFFFFF),
               ones * np.uint64(stream & 0xFFFFFFFF), ones * np.uint64(stream >> 32))
    return formula.uniform(formula.philox(seed, counter)[:count])


def dropout(n, c, p, seed, stream, step, spoil=False):
    x = leaf(n, c)
    if spoil:
        with torch.no_grad():
            x[:, ::3], x[:, 1] = float("nan"), float("inf")
    kept = torch.from_numpy(uniforms(seed, stream, step, n * c) >= p).view(n, c)
    y = x * (kept.double() * (1 / (1 - p)) if p < 1 else 0.0)
    line = f"dropout n{n}c{c} probability{p:g} seed{seed} stream{stream}"
    record(line, [x, torch.tensor(step)], [y])
    dy = reals(n, c)
    if not spoil:
        record(line, [dy, torch.tensor(step)], torch.autograd.grad(y, [x], dy))


def main():
    # PyTorch multiplies by its mask: what is dropped of NaN and infinity is NaN.
    for p in (0.5, 1.0):
        assert F.dropout(torch.full((1000,), float("nan")), p).isnan().all()
    dropped = F.dropout(torch.full((1000,), float("inf")), 0.5)
    assert 300 < dropped.isnan().sum() < 700
    dropout(5, 7, 0.5, 1, 2, 3)
    dropout(6, 9, 0.1, 2**40 + 5, 2**63 + 11, 2**33 + 1)
    dropout(3, 8, 0.0, 9, 9, 0)
    dropout(3, 8, 1.0, 9, 9, 0)
    dropout(4, 10, 0.25, 7, 0, 12, spoil=True)
    save_file(tensors, FOLDER / "dropout.safetensors", lines)


if __name__ == "__main__":
    main()
