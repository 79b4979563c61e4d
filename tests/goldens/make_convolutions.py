#!/usr/bin/env python3
"""Writes convolutions.safetensors: depthwise and transposed convolutions and their gradients,
as ops.safetensors (see make_goldens.py).

    python3 tests/goldens/make_convolutions.py
"""
import torch
import torch.nn.functional as F

import make_goldens
from make_goldens import ACTIVATIONS, leaf, reals, record


def depthwise_conv2d(n, h, w, c, r, s, multiplier=1, pad=(0, 0, 0, 0), stride=(1, 1),
                     dilation=(1, 1), activation="relu6"):
    """pad: top, bottom, left, right."""
    k = c * multiplier
    geometry = (f"n{n}h{h}w{w}c{c}k{k}r{r}s{s}pt{pad[0]}pb{pad[1]}pl{pad[2]}pr{pad[3]}"
                f"u{stride[0]}v{stride[1]}l{dilation[0]}m{dilation[1]}")
    x, weight, bias = leaf(n, c, h, w), leaf(k, 1, r, s), leaf(k)

    def convolve(image):
        padded = F.pad(image, (pad[2], pad[3], pad[0], pad[1]))
        return F.conv2d(padded, weight, None, stride, 0, dilation, groups=c)

    y = convolve(x)
    record(f"depthwise_conv2d {geometry}", [x, weight], [y])
    record(f"depthwise_conv2d {geometry} bias {activation}", [x, weight, bias],
           [ACTIVATIONS[activation](y + bias.view(1, -1, 1, 1))])
    dy = reals(*y.shape)
    dx, dw = torch.autograd.grad(y, [x, weight], dy)
    record(f"depthwise_conv2d_input_gradient {geometry}", [dy, weight], [dx])
    record(f"depthwise_conv2d_filter_gradient {geometry}", [x, dy], [dw])
    spoiled = x.detach().clone()
    spoiled.view(-1)[::31] = float("nan")
    record(f"depthwise_conv2d {geometry}", [spoiled, weight], [convolve(spoiled)])
    spoiled = x.detach().clone()
    spoiled[..., -1] = float("inf")  # which outputs beyond the last must not touch
    spoiled.requires_grad_()
    (dw,) = torch.autograd.grad(convolve(spoiled), [weight], dy)
    record(f"depthwise_conv2d_filter_gradient {geometry}", [spoiled, dy], [dw])


def conv_transpose2d(n, h, w, c, k, r, s, pad=(0, 0), stride=(1, 1), dilation=(1, 1),
                     output_padding=(0, 0), groups=1, crop=(0, 0)):
    """pad: rows, columns. crop: rows below and columns to the right that y loses besides. The
    gradients are convolutions of dy, whose padding is the layer's."""
    pads = f"pt{pad[0]}pb{pad[0] + crop[0]}pl{pad[1]}pr{pad[1] + crop[1]}"
    window = f"u{stride[0]}v{stride[1]}l{dilation[0]}m{dilation[1]}g{groups}"
    x, weight = leaf(n, c, h, w), leaf(c, k // groups, r, s)
    y = F.conv_transpose2d(x, weight, None, stride, pad, output_padding, groups, dilation)
    y = y[:, :, :y.shape[2] - crop[0], :y.shape[3] - crop[1]]
    record(f"conv_transpose2d n{n}h{h}w{w}c{c}k{k}r{r}s{s}{pads}{window}oh{output_padding[0]}"
           f"ow{output_padding[1]}", [x, weight], [y])
    dy = reals(*y.shape)
    dx, dw = torch.autograd.grad(y, [x, weight], dy)
    if output_padding[0] >= stride[0]:
        return
    geometry = f"n{n}h{y.shape[2]}w{y.shape[3]}c{k}k{c}r{r}s{s}{pads}{window}"
    record(f"conv2d {geometry}", [dy, weight], [dx])
    record(f"conv2d_filter_gradient {geometry}", [dy, x], [dw])


def main():
    depthwise_conv2d(2, 5, 6, 4, 3, 3, pad=(1, 1, 1, 1))
    depthwise_conv2d(1, 8, 7, 8, 3, 3, pad=(1, 1, 1, 1), stride=(2, 2))
    depthwise_conv2d(1, 7, 9, 3, 3, 3, 2, (1, 1, 1, 1), (2, 2), activation="relu")
    depthwise_conv2d(2, 6, 5, 4, 3, 2, 3, (0, 1, 2, 0), activation="tanh")
    depthwise_conv2d(1, 9, 8, 5, 3, 3, 1, (2, 3, 1, 2), (1, 2), (2, 3))
    depthwise_conv2d(1, 8, 8, 4, 3, 3, 1, (0, 1, 0, 1), (2, 2))
    conv_transpose2d(2, 3, 4, 3, 5, 3, 3)
    conv_transpose2d(1, 4, 3, 6, 4, 2, 2, stride=(2, 2))
    conv_transpose2d(1, 4, 5, 4, 6, 3, 3, (1, 1), (2, 2), output_padding=(1, 1), groups=2)
    conv_transpose2d(1, 3, 4, 2, 3, 3, 2, (1, 0), (2, 3), (1, 2), (1, 0), crop=(1, 2))
    conv_transpose2d(1, 4, 5, 2, 3, 3, 3, (2, 2), (1, 1), (2, 2), (1, 1))
    conv_transpose2d(1, 4, 4, 8, 8, 4, 4, (1, 1), (2, 2), groups=8)
    make_goldens.save("convolutions")


if __name__ == "__main__":
    main()
