#!/usr/bin/env python3
"""Writes normalization.safetensors: batch and local response normalisation by PyTorch in float64.

    python3 tests/goldens/make_normalization.py      (form of the file: make_goldens.py)
"""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from make_goldens import FOLDER, leaf, lines, reals, record, tensors


def stored(value):
    """As an f32 graph keeps it."""
    return value.detach().float().double()


def batch_norm(shape, words="", eps=1e-5, momentum=0.1, shift=0.0, spoil=False):
    """shape: [N,C] or [N,C,H,W]."""
    n, c = shape[:2]
    extents = f"n{n}c{c}" if len(shape) == 2 else f"n{n}h{shape[2]}w{shape[3]}c{c}"
    x = (reals(*shape) * 2 + shift).float().double()
    if spoil:
        x.view(-1)[3] = float("nan")
    x.requires_grad_()
    weight, bias, dy = leaf(c), leaf(c), reals(*shape)
    mean, var, batches = reals(c), stored(reals(c).abs() + 0.25), torch.tensor(41)
    inputs = [x, weight, bias, mean.clone(), var.clone(), batches]
    layer = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(c, eps, momentum)
    layer = layer.double().train()
    layer.load_state_dict({"weight": weight.detach(), "bias": bias.detach(), "running_mean": mean,
                           "running_var": var, "num_batches_tracked": batches})
    y = layer(x)
    _, saved_mean, saved_inverse = torch.native_batch_norm(
        x, weight, bias, None, None, True, momentum, eps)
    record(f"batch_norm_training {extents}{words}", inputs,
           [y, saved_mean, saved_inverse, layer.running_mean, layer.running_var,
            layer.num_batches_tracked])
    backward = torch.ops.aten.native_batch_norm_backward
    m, s = stored(saved_mean), stored(saved_inverse)
    gradients = backward(dy, x, weight, None, None, m, s, True, eps, [True] * 3)
    record(f"batch_norm_training_gradient {extents}", [x, dy, weight, m, s], gradients)
    words = words.split(" momentum")[0]
    record(f"batch_norm_inference {extents}{words}", [x, weight, bias, mean, var],
           [F.batch_norm(x, mean, var, weight, bias, False, momentum, eps)])
    gradients = backward(dy, x, weight, mean, var, None, None, False, eps, [True] * 3)
    record(f"batch_norm_inference_gradient {extents}{words}", [x, dy, weight, mean, var], gradients)


def fused_batch_norm(shape, activation, function, residual, spoil=False, eps=1e-5):
    """y = function(batch norm(x) + z) and its gradients. shape: [N,C,H,W]."""
    n, c, h, w = shape
    line = f"n{n}h{h}w{w}c{c}"
    x, dy, z = stored(reals(*shape) * 2), reals(*shape), reals(*shape) if residual else None
    if spoil:
        x.view(-1)[3] = float("nan")
    weight, bias, mean = reals(c), reals(c), reals(c)
    var, batches = stored(reals(c).abs() + 0.25), torch.tensor(3)
    more = [z] if residual else []
    words = (" residual" if residual else "") + f" {activation}"

    def forward(*statistics):
        u = F.batch_norm(x, *statistics, eps=eps) + (z if residual else 0)
        return u, function(u)

    running = [mean.clone(), var.clone()]
    _, saved_mean, saved_inverse = torch.native_batch_norm(
        x, weight, bias, None, None, True, 0.1, eps)
    u, y = forward(*running, weight, bias, True, 0.1)
    record(f"batch_norm_training {line}{words}",
           [x, weight, bias, mean, var, batches, *more],
           [y, saved_mean, saved_inverse, *running, batches + 1])
    m, s = stored(saved_mean), stored(saved_inverse)
    if not residual:
        column = [-1, 1, 1]
        u = (x - m.view(column)) * (s * weight).view(column) + bias.view(column)
    du = gradient_through(function, u, dy)
    backward = torch.ops.aten.native_batch_norm_backward
    absorbed = f" {activation}" + (" kept du" if residual else "")
    du_out = [du] if residual else []
    record(f"batch_norm_training_gradient {line}{absorbed}",
           [x, dy, weight, m, s, y if residual else bias],
           [*backward(du, x, weight, None, None, m, s, True, eps, [True] * 3), *du_out])
    u, y = forward(mean, var, weight, bias, False, 0.1)
    record(f"batch_norm_inference {line}{words}", [x, weight, bias, mean, var, *more], [y])
    du = gradient_through(function, u, dy)
    du_out = [du] if residual else []
    record(f"batch_norm_inference_gradient {line}{absorbed}",
           [x, dy, weight, mean, var, y if residual else bias],
           [*backward(du, x, weight, mean, var, None, None, False, eps, [True] * 3), *du_out])


def gradient_through(function, u, dy):
    u = u.detach().requires_grad_()
    return torch.autograd.grad(function(u), u, dy)[0]


def local_response_norm(shape, size, alpha=1e-4, beta=0.75, k=1.0):
    n, c, h, w = shape
    line = f"n{n}h{h}w{w}c{c} size{size} alpha{alpha:g} beta{beta:g} k{k:g}"
    x, dy = leaf(*shape), reals(*shape)
    y = F.local_response_norm(x, size, alpha, beta, k)
    record(f"local_response_norm {line}", [x], [y])
    record(f"local_response_norm_gradient {line}", [x, dy], torch.autograd.grad(y, [x], dy))


def main():
    batch_norm((3, 5, 4, 2))
    batch_norm((2, 8, 3, 3), " eps0.001 momentum0.01", 1e-3, 0.01)
    batch_norm((7, 12))
    batch_norm((2, 1))
    batch_norm((40, 3), shift=1000.0)
    batch_norm((2, 4, 3, 3), spoil=True)
    local_response_norm((2, 9, 2, 3), 5, 1e-4, 0.75, 2.0)
    local_response_norm((1, 8, 3, 3), 5, 1.0)
    local_response_norm((1, 7, 2, 2), 4, 2.0, 0.5, 0.5)
    local_response_norm((2, 3, 2, 2), 6, 1.0, 1.25)
    local_response_norm((1, 4, 2, 2), 1, 1.0)
    fused_batch_norm((3, 5, 4, 2), "relu", F.relu, True)
    fused_batch_norm((2, 8, 3, 3), "relu", F.relu, False)
    fused_batch_norm((2, 8, 3, 3), "relu6", F.relu6, True)
    fused_batch_norm((3, 4, 5, 3), "relu6", F.relu6, False)
    fused_batch_norm((2, 6, 3, 2), "hardswish", F.hardswish, False)
    fused_batch_norm((2, 4, 3, 2), "silu", F.silu, False)
    fused_batch_norm((2, 4, 3, 3), "relu", F.relu, True, spoil=True)
    fused_batch_norm((2, 4, 3, 3), "relu", F.relu, False, spoil=True)
    save_file(tensors, FOLDER / "normalization.safetensors", lines)


if __name__ == "__main__":
    main()
