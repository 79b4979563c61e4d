#!/usr/bin/env python3
"""Writes softmax_cross_entropy.safetensors: cross-entropy with soft targets, as ops.safetensors
(see make_goldens.py).

    python3 tests/goldens/make_softmax_cross_entropy.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import reals, record


def soft(n, k, smoothing=0.0, scale=1.0, normalised=True, spoil=None):
    logits = (reals(n, k) * scale).float().double().requires_grad_()
    targets = torch.rand(n, k).double()
    if normalised:
        targets = targets / targets.sum(1, keepdim=True)
    targets = targets.float().double()
    if spoil:
        with torch.no_grad():
            spoil(logits, targets)
    words = " soft" + (f" smoothing{smoothing}" if smoothing else "")
    loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    record(f"softmax_cross_entropy n{n}k{k}{words}", [logits, targets], [loss])
    dloss = torch.tensor(0.75, dtype=torch.float64)
    (dlogits,) = torch.autograd.grad(loss, [logits], dloss)
    record(f"softmax_cross_entropy_gradient n{n}k{k}{words}", [logits, targets, dloss], [dlogits])


def zero_row_and_negative(logits, targets):
    targets[0] = 0
    targets[1, 2] = -0.5


def not_a_number(logits, targets):
    logits[1, 2] = float("nan")


def main():
    soft(5, 10)
    soft(5, 10, 0.1)
    soft(3, 33, scale=30.0)
    soft(4, 7, 0.25, normalised=False)
    soft(4, 7, normalised=False, spoil=zero_row_and_negative)
    soft(3, 5, spoil=not_a_number)
    make_goldens.save("softmax_cross_entropy")


if __name__ == "__main__":
    main()
