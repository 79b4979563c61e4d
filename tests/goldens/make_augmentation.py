#!/usr/bin/env python3
"""Writes augmentation.safetensors: torchvision's transforms of batches, in float64.

    python3 tests/goldens/make_augmentation.py      (form of the file: make_goldens.py)
"""
import random

import torch
from torchvision.transforms import _functional_tensor, functional as F
from torchvision.transforms import v2

from make_goldens import lines, reals, record, save

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)
DEVIATION = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)
IMAGENET = "meanr0.485 meang0.456 meanb0.406 devr0.229 devg0.224 devb0.225"


def representable(x):
    return float(torch.tensor(x, dtype=torch.float32))


def erase():
    x = reals(3, 3, 5, 7)
    x[1, :, 2, 3] = float("nan")
    boxes = torch.tensor([[0, 0, 5, 7], [1, 2, 3, 4], [2, 6, 0, 3]])
    y = torch.stack([F.erase(p, *box.tolist(), v=0) for p, box in zip(x, boxes)])
    record("erase_pictures n3h5w7c3", [x, boxes], [y])


def mixed(transform, x, **params):
    return transform.transform(x, dict(params, labels=None, batch_size=len(x)))


def mixup(share):
    share, x = representable(share), reals(4, 3, 6, 5)
    y = mixed(v2.MixUp(num_classes=7), x, lam=share)
    record("mix_pictures n4h6w5c3", [x, torch.tensor(share).double(),
                                     torch.tensor([0, 0, 0, 0])], [y])


def cutmix(x1, y1, x2, y2):
    x = reals(4, 3, 6, 8)
    x[0, 0, y1, x1] = float("nan")  # replaced in picture 0, handed on to picture 1
    y = mixed(v2.CutMix(num_classes=7), x, box=(x1, y1, x2, y2), lam_adjusted=1.0)
    record("mix_pictures n4h6w8c3", [x, torch.tensor(1.0).double(),
                                     torch.tensor([y1, x1, y2 - y1, x2 - x1])], [y])


def mix_labels(share):
    share, labels = representable(share), torch.tensor([3, 0, 6, 6, 2])
    soft = torch.nn.functional.one_hot(labels, 7).double()
    targets = soft.roll(1, 0) * (1 - share) + soft * share
    heavier = labels if share >= 0.5 else labels.roll(1, 0)
    record("mix_labels n5k7", [labels, torch.tensor(share).double()], [targets, heavier])


def adjust_hue(picture, factor):
    """F.adjust_hue, which goes through float32, in float64."""
    if len(picture) == 1:
        return picture
    h, s, v = _functional_tensor._rgb2hsv(picture).unbind(-3)
    changed = _functional_tensor._hsv2rgb(torch.stack(((h + factor) % 1.0, s, v), -3))
    assert torch.allclose(changed, F.adjust_hue(picture, factor), atol=1e-5)
    return changed


CHANGES = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, adjust_hue]


def color_jitter(n, h, w, channels, normalized):
    mean = MEAN[:channels] if normalized else torch.zeros(channels).double()
    deviation = DEVIATION[:channels] if normalized else torch.ones(channels).double()
    mean, deviation = mean.view(-1, 1, 1), deviation.view(-1, 1, 1)
    values = torch.randint(0, 256, (n, channels, h, w)).double() / 255
    values[:, :, 0] = values[:, :1, 0]  # gray
    values[:, :, 1, 0], values[:, :, 1, 1] = 0, 1
    x = ((values - mean) / deviation).float().double()
    factors = torch.rand(n, 4).mul(1.8).add(0.1)
    factors[:, 3] = torch.rand(n) - 0.5
    factors = factors.float().double()
    order = torch.stack([torch.randperm(4) for _ in range(n)])
    order[0, random.randrange(4)] = -1
    out = []
    for picture, factor, changes in zip(x, factors, order):
        picture = (picture * deviation + mean).clamp(0, 1)
        for change in changes:
            if change >= 0:
                picture = CHANGES[change](picture, float(factor[change]))
        out.append((picture - mean) / deviation)
    words = f" {IMAGENET}" if normalized else ""
    record(f"color_jitter n{n}h{h}w{w}c{channels}{words}", [x, factors, order], [torch.stack(out)])


def main():
    torch.manual_seed(0)
    random.seed(0)
    lines.clear()
    erase()
    for share in (0.3, 1.0, 0.0):
        mixup(share)
        mix_labels(share)
    mix_labels(0.7)
    cutmix(2, 1, 5, 4)
    cutmix(0, 0, 8, 6)
    color_jitter(12, 6, 5, 3, False)
    color_jitter(12, 4, 7, 3, True)
    color_jitter(3, 5, 6, 1, False)
    save("augmentation")


if __name__ == "__main__":
    main()
