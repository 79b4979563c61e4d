#!/usr/bin/env python3
"""Writes dropout.safetensors: Philox masks by numpy, multiplied and differentiated by PyTorch.

    python3 tests/goldens/make_dropout.py      (form of the file: make_goldens.py)
"""
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from make_goldens import FOLDER, leaf, lines, reals, record, tensors


def uniforms(seed, stream, step, count):
    """Word i % 4 of Philox4x32-10 with key seed and counter (i / 4, step, stream)."""
    blocks = (count + 3) // 4
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [np.arange(blocks, dtype=np.uint64), np.full(blocks, step & 0xFFFFFFFF, np.uint64),
         np.full(blocks, stream & 0xFFFFFFFF, np.uint64), np.full(blocks, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    words = np.stack(c, 1).reshape(-1)[:count]
    return (words >> np.uint64(8)).astype(np.float64) * 2.0**-24


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
