#!/usr/bin/env python3
"""Writes conv2d_models.txt and depthwise_conv2d_models.txt: every convolution layer of every model.

    pip install torch torchvision timm && python3 judge/problems/make_models.py [--check]

The layers are those of torchvision's and timm's modules, seen by hooks while a picture without
memory (the meta device) passes; models that neither has are written down here. A layer stands for
its filter, stride, padding, groups and channels: the picture is cut to few pixels. Above "# slow"
channels are a sixteenth as well, below they are whole. --check fails where the files differ.
"""
import argparse
import pathlib
import sys
import warnings

import timm
import torch
import torchvision
from torch.nn import Conv2d

FOLDER = pathlib.Path(__file__).resolve().parent
MAX_FLOPS = 8_000_000  # of a line below "# slow", where pixels can be left out


def layers_of(model, size):
    """(C, K, R, S, pad rows, pad columns, stride, groups) of each convolution, in order."""
    found = []

    def see(module, _, output):
        assert module.dilation == (1, 1) and module.stride[0] == module.stride[1]
        found.append((module.in_channels, module.out_channels, *module.kernel_size,
                      *module.padding, module.stride[0], module.groups))

    for module in model.modules():
        if isinstance(module, Conv2d):
            module.register_forward_hook(see)
    model.train()(torch.empty(2, 3, size, size, device="meta"))
    return found


def torchvision_layers(name, size=224):
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options["aux_logits"] = True
    return layers_of(torchvision.models.get_model(name, weights=None, **options), size)


def square(c, k, r, pad=0, stride=1, groups=1):
    return (c, k, r, r, pad, pad, stride, groups)


def cifar_resnet():
    """He et al. 2015, section 4.2; option A shortcuts have no convolution. Depth adds repeats."""
    layers = [square(3, 16, 3, 1), square(16, 16, 3, 1)]
    for c in (16, 32):
        layers += [square(c, 2 * c, 3, 1, 2), square(2 * c, 2 * c, 3, 1)]
    return layers


FAMILIES = [
    ("LeNet-5", lambda: [square(1, 6, 5, 2), square(6, 16, 5), square(16, 120, 5)]),
    ("AlexNet (torchvision)", lambda: torchvision_layers("alexnet")),
    ("AlexNet (Krizhevsky 2012)", lambda: [
        square(3, 96, 11, 0, 4), square(96, 256, 5, 2, 1, 2), square(256, 384, 3, 1),
        square(384, 384, 3, 1, 1, 2), square(384, 256, 3, 1, 1, 2)]),
    ("ZFNet", lambda: [
        square(3, 96, 7, 1, 2), square(96, 256, 5, 0, 2), square(256, 384, 3, 1),
        square(384, 384, 3, 1), square(384, 256, 3, 1)]),
    ("All-CNN-C", lambda: [
        square(3, 96, 3, 1), square(96, 96, 3, 1), square(96, 96, 3, 1, 2), square(96, 192, 3, 1),
        square(192, 192, 3, 1), square(192, 192, 3, 1, 2), square(192, 192, 3),
        square(192, 192, 1), square(192, 10, 1)]),
    ("VGG", lambda: torchvision_layers("vgg19")),
    ("GoogLeNet", lambda: torchvision_layers("googlenet")),
    ("Inception v3", lambda: torchvision_layers("inception_v3", 299)),
    ("ResNet", lambda: torchvision_layers("resnet18") + torchvision_layers("resnet50")),
    ("ResNeXt-50 32x4d", lambda: torchvision_layers("resnext50_32x4d")),
    ("ResNeXt-101 32x8d", lambda: torchvision_layers("resnext101_32x8d")),
    ("Wide ResNet-50-2", lambda: torchvision_layers("wide_resnet50_2")),
    ("ResNet (CIFAR)", cifar_resnet),
    ("MobileNet v1", lambda: layers_of(timm.create_model("mobilenetv1_100"), 224)),
    ("MobileNet v2", lambda: torchvision_layers("mobilenet_v2")),
]


def scaled(channels):
    """A sixteenth; the three colours, and whatever is less, stay."""
    return channels if channels <= 3 else max(2, channels // 16)


def line(layer, pixels):
    """The layer on the smallest picture that gives pixels x pixels outputs."""
    c, k, r, s, rows, columns, u, g = layer
    text = f"n1h{(pixels - 1) * u - 2 * rows + r}w{(pixels - 1) * u - 2 * columns + s}c{c}k{k}r{r}s{s}"
    if rows == columns:
        text += f"p{rows}" if rows else ""
    else:
        text += f"pt{rows}pb{rows}pl{columns}pr{columns}"
    text += f"u{u}" if u > 1 else ""
    if 1 < g == c:
        return "depthwise_conv2d " + text
    return "conv2d " + text + (f"g{g}" if g > 1 else "")


def small_line(layer):
    c, k, r, s, rows, columns, u, g = layer
    if 1 < g == c:
        return line((scaled(c), scaled(c) * (k // c), r, s, rows, columns, u, scaled(c)), 4)
    if g > 1:
        return line((scaled(c), scaled(k), r, s, rows, columns, u, 2), 4)
    return line((scaled(c), scaled(k), r, s, rows, columns, u, 1), 4)


def whole_line(layer):
    c, k, r, s, rows, columns, u, g = layer
    smallest = max(1, -(-(1 + 2 * max(rows, columns) - min(r, s)) // u) + 1)
    for pixels in (3, 2):
        if 2 * pixels * pixels * k * r * s * (c // g) <= MAX_FLOPS or pixels == smallest:
            return line(layer, pixels)
    return line(layer, 1)


# Whole and with their epilogues: they are small.
LENET = ["conv2d n2h28w28c1k6r5s5p2 bias tanh", "conv2d n2h14w14c6k16r5s5 bias tanh",
         "conv2d n2h5w5c16k120r5s5 bias tanh"]


def texts():
    seen, parts = set(), {op: ([], []) for op in ("conv2d", "depthwise_conv2d")}
    for name, make in FAMILIES:
        layers = make()
        for part, write in enumerate((small_line, whole_line)):
            titled = set()
            if name == "LeNet-5":
                if part == 0:
                    parts["conv2d"][0].extend(["# " + name] + LENET)
                continue
            for text in map(write, layers):
                op = text.split()[0]
                if text in seen:
                    continue
                seen.add(text)
                if op not in titled:
                    parts[op][part].append("# " + name)
                    titled.add(op)
                parts[op][part].append(text)
    head = ("# Layers of the models, by make_models.py. Above 'slow' with a sixteenth of the channels"
            "\n# (three stay three) and few pixels; below with all channels.\n")
    return {op: head + "\n".join(small + ["# slow"] + whole) + "\n"
            for op, (small, whole) in parts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with torch.device("meta"):
        files = texts()
    for op, text in files.items():
        path = FOLDER / f"{op}_models.txt"
        if not arguments.check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path} is not what {pathlib.Path(__file__).name} writes")


if __name__ == "__main__":
    main()
