#!/usr/bin/env python3
"""Writes ops.safetensors: what PyTorch computes in float64 on the CPU.
make_<room>.py beside this write <room>.safetensors, of the same form as ops.safetensors.

    pip install torch numpy safetensors && python3 tests/goldens/make_goldens.py

ops.safetensors: a case is a problem line in the file's metadata (grammar: judge/problem.h)
and tensors <case>/in0, <case>/out0, ... in the order of the op's inputs and outputs, in PyTorch's
layouts (NCHW, OIHW): floating inputs as f32, outputs as f64.
Running it again gives the same files, apart from PyTorch's last bits.
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parent
torch.manual_seed(20240229)
tensors, lines = {}, {}


def reals(*shape):
    """Standard normal values that f32 represents, as f64."""
    return torch.randn(*shape, dtype=torch.float32).double()


def record(line, inputs, outputs):
    name = f"{line.split()[0]}.{sum(k.split('.')[0] == line.split()[0] for k in lines)}"
    lines[name] = line
    for kind, values in (("in", inputs), ("out", outputs)):
        for i, value in enumerate(values):
            small = kind == "in" and value.dtype == torch.float64
            value = value.detach().float() if small else value.detach()
            tensors[f"{name}/{kind}{i}"] = value.contiguous().clone()


def save(name):
    """Writes the recorded cases to <name>.safetensors and forgets them."""
    save_file(tensors, FOLDER / f"{name}.safetensors", lines)
    tensors.clear(), lines.clear()


def leaf(*shape):
    return reals(*shape).requires_grad_()


ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


def conv2d(n, h, w, c, k, r, s, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1,
           activation=None):
    """pad: top, bottom, left, right."""
    geometry = (f"n{n}h{h}w{w}c{c}k{k}r{r}s{s}pt{pad[0]}pb{pad[1]}pl{pad[2]}pr{pad[3]}"
                f"u{stride[0]}v{stride[1]}l{dilation[0]}m{dilation[1]}g{groups}")
    x, weight, bias = leaf(n, c, h, w), leaf(k, c // groups, r, s), leaf(k)
    padded = F.pad(x, (pad[2], pad[3], pad[0], pad[1]))
    y = F.conv2d(padded, weight, None, stride, 0, dilation, groups)
    record(f"conv2d {geometry}", [x, weight], [y])
    z = y + bias.view(1, -1, 1, 1)
    if activation:
        record(f"conv2d {geometry} bias {activation}", [x, weight, bias], [ACTIVATIONS[activation](z)])
    dy = reals(*y.shape)
    dx, dw, db = torch.autograd.grad(z, [x, weight, bias], dy)
    record(f"conv2d_input_gradient {geometry}", [dy, weight], [dx])
    record(f"conv2d_filter_gradient {geometry}", [x, dy], [dw])
    record("bias_gradient n{}h{}w{}c{}".format(n, y.shape[2], y.shape[3], k), [dy], [db])


def pool2d(n, h, w, c, window, stride, pad=(0, 0, 0, 0), mode="max", spoil=None):
    geometry = (f"n{n}h{h}w{w}c{c}r{window[0]}s{window[1]}u{stride[0]}v{stride[1]}"
                f"pt{pad[0]}pb{pad[1]}pl{pad[2]}pr{pad[3]}")
    x = leaf(n, c, h, w)
    if spoil:
        with torch.no_grad():
            spoil(x)
    sides = (pad[2], pad[3], pad[0], pad[1])
    if mode == "max":
        padded = F.pad(x, sides, value=-float("inf"))
        y, index = F.max_pool2d(padded, window, stride, return_indices=True)
        width = padded.shape[3]
        top = torch.arange(y.shape[2]).view(1, 1, -1, 1) * stride[0]
        left = torch.arange(y.shape[3]).view(1, 1, 1, -1) * stride[1]
        argmax = ((index // width - top) * window[1] + index % width - left).to(torch.uint8)
        record(f"pool2d {geometry} max argmax", [x], [y, argmax])
    elif mode == "average":
        y = F.avg_pool2d(F.pad(x, sides), window, stride)
        record(f"pool2d {geometry} average", [x], [y])
    else:  # PyTorch knows it for symmetric padding only
        y = F.avg_pool2d(x, window, stride, (pad[0], pad[2]), count_include_pad=False)
        record(f"pool2d {geometry} average exclude_pad", [x], [y])
    if spoil:
        return
    dy = reals(*y.shape)
    (dx,) = torch.autograd.grad(y, [x], dy)
    if mode == "max":
        record(f"max_pool2d_gradient {geometry} max", [dy, argmax], [dx])
    else:
        words = "average" if mode == "average" else "average exclude_pad"
        record(f"average_pool2d_gradient {geometry} {words}", [dy], [dx])


def linear(n, f, m, activation=None):
    x, weight, bias = leaf(n, f), leaf(m, f), leaf(m)
    y = F.linear(x, weight, bias)
    words = f" bias {activation}" if activation else " bias"
    out = ACTIVATIONS[activation](y) if activation else y
    record(f"linear n{n}f{f}m{m}{words}", [x, weight, bias], [out])
    dy = reals(n, m)
    dx, dw = torch.autograd.grad(y, [x, weight], dy)
    record(f"linear_input_gradient n{n}f{f}m{m}", [dy, weight], [dx])
    record(f"linear_weight_gradient n{n}f{f}m{m}", [x, dy], [dw])


def activation(kind):
    x = leaf(2, 5, 3, 4)
    with torch.no_grad():
        x *= 4
        x.view(-1)[:8] = torch.tensor([0.0, -0.0, 6.0, -30.0, 30.0, 1e-3, -float("inf"), float("inf")])
    y = ACTIVATIONS[kind](x)
    line = f"n2h3w4c5 {kind}"
    record(f"activation {line}", [x], [y])
    dy = reals(*x.shape)
    (dx,) = torch.autograd.grad(y, [x], dy)
    stored = y.detach().float().double()  # what an f32 graph keeps of y
    if kind in ("relu", "relu6"):
        record(f"activation_gradient {line}", [stored, dy], [dx])
    else:
        slope = 1 - stored * stored if kind == "tanh" else stored * (1 - stored)
        record(f"activation_gradient {line}", [stored, dy], [slope * dy])
    spoiled = x.detach().clone()
    spoiled.view(-1)[3] = float("nan")
    record(f"activation {line}", [spoiled], [ACTIVATIONS[kind](spoiled)])


def shapes():
    x = reals(2, 5, 3, 4)
    record("flatten n2h3w4c5", [x], [x.flatten(1)])
    record("unflatten n2h3w4c5", [x.flatten(1)], [x])
    a, b, bias = reals(2, 5, 3, 4), reals(2, 5, 3, 4), reals(5)
    record("add n2h3w4c5", [a, b], [a + b])
    record("bias n2h3w4c5", [a, bias], [a + bias.view(1, -1, 1, 1)])


def softmax(n, k, scale=1.0):
    x = reals(n, k) * scale
    x = x.float().double().requires_grad_()
    y = F.softmax(x, 1)
    record(f"softmax n{n}k{k}", [x], [y])
    stored, dy = y.detach().float().double().requires_grad_(), reals(n, k)
    dx = stored * (dy - (stored * dy).sum(1, keepdim=True))
    record(f"softmax_gradient n{n}k{k}", [stored, dy], [dx])


def cross_entropy(n, k, smoothing, scale=1.0):
    logits = (reals(n, k) * scale).float().double().requires_grad_()
    labels = torch.randint(k, (n,))
    words = f" smoothing{smoothing}" if smoothing else ""
    loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    record(f"softmax_cross_entropy n{n}k{k}{words}", [logits, labels], [loss])
    dloss = torch.tensor(0.75, dtype=torch.float64)
    (dlogits,) = torch.autograd.grad(loss, [logits], dloss)
    record(f"softmax_cross_entropy_gradient n{n}k{k}{words}", [logits, labels, dloss], [dlogits])


def main():
    conv2d(2, 5, 6, 3, 4, 3, 3, (1, 1, 1, 1), activation="relu")
    conv2d(1, 7, 5, 4, 6, 3, 2, (1, 0, 2, 1), (2, 1), (1, 2), 2, "tanh")
    conv2d(2, 6, 6, 5, 10, 3, 3, (1, 1, 1, 1), (2, 2), (1, 1), 5, "relu6")
    conv2d(1, 8, 8, 2, 3, 2, 2, (0, 0, 0, 0), (3, 3), activation="sigmoid")
    conv2d(1, 9, 8, 2, 3, 3, 3, (2, 3, 1, 2), (1, 2), (2, 3))
    conv2d(3, 1, 1, 7, 5, 1, 1)
    for mode in ("max", "average"):
        pool2d(2, 6, 8, 3, (2, 2), (2, 2), mode=mode)
        pool2d(1, 7, 7, 2, (3, 3), (2, 2), (1, 1, 1, 1), mode)
        pool2d(1, 6, 7, 2, (3, 2), (1, 3), (1, 0, 0, 1), mode)
    pool2d(1, 7, 7, 2, (3, 3), (2, 2), (1, 1, 1, 1), "average_inside")
    pool2d(1, 6, 8, 2, (3, 3), (1, 1), (1, 1, 1, 1), "max", spoil_with_ties)
    pool2d(1, 6, 8, 2, (3, 3), (1, 1), (1, 1, 1, 1), "max", spoil_with_nan)
    linear(3, 7, 5)
    linear(4, 16, 10, "tanh")
    for kind in ACTIVATIONS:
        activation(kind)
    shapes()
    softmax(3, 7)
    softmax(2, 33, 20.0)
    cross_entropy(5, 10, 0.0)
    cross_entropy(5, 10, 0.1)
    cross_entropy(3, 33, 0.0, 30.0)
    save("ops")


if __name__ == "__main__":
    main()
