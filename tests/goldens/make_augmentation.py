#!/usr/bin/env python3
"""Writes augmentation.safetensors: torchvision's transforms of batches, in float64.

    python3 tests/goldens/make_augmentation.py      (form of the file: make_goldens.py)
"""
import math
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


IDENTITY, AFFINE, BRIGHTNESS, SATURATION, CONTRAST, SHARPNESS, POSTERIZE, SOLARIZE, AUTOCONTRAST, \
    EQUALIZE = range(10)
COLORS = {
    BRIGHTNESS: F.adjust_brightness,
    SATURATION: F.adjust_saturation,
    CONTRAST: F.adjust_contrast,
    SHARPNESS: F.adjust_sharpness,
    AUTOCONTRAST: lambda picture, _: F.autocontrast(picture),
}
WHOLE_LEVELS = {
    POSTERIZE: lambda picture, bits: F.posterize(picture, int(bits)),
    SOLARIZE: F.solarize,
    EQUALIZE: lambda picture, _: F.equalize(picture),
}


def fixed_point(m):
    """A map of pixel centres as Pillow's ImagingTransformAffine takes it."""
    m = [m[0], m[1], m[2] + m[0] * 0.5 + m[1] * 0.5, m[3], m[4], m[5] + m[3] * 0.5 + m[4] * 0.5]
    return torch.tensor([math.floor(a * 65536 + 0.5) for a in m])


def moves(size):
    """Maps, and the transforms of a Pillow picture that they stand for."""
    w, h = size
    for slope in (0.99, -0.33):
        degrees = math.degrees(math.atan(slope))
        for shear in ([degrees, 0.0], [0.0, degrees]):
            m = F._get_inverse_affine_matrix([0, 0], 0.0, [0, 0], 1.0, shear)
            yield m, lambda p, s=shear: F.affine(p, 0.0, [0, 0], 1.0, s, center=[0, 0])
    for shift in ([2, 0], [0, -1]):
        m = F._get_inverse_affine_matrix([w * 0.5, h * 0.5], 0.0, shift, 1.0, [0.0, 0.0])
        m[2], m[5] = -shift[0], -shift[1]
        yield m, lambda p, s=shift: F.affine(p, 0.0, s, 1.0, [0.0, 0.0])
    for angle in (135.0, -4.5, 63.0):
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        m = [cosine, -sine, w / 2 - cosine * w / 2 + sine * h / 2,
             sine, cosine, h / 2 - sine * w / 2 - cosine * h / 2]
        yield m, lambda p, a=angle: F.rotate(p, a)


def picture_changes(picture):
    """(change, factor, affine, changed values) of a picture of bytes [C,H,W]."""
    still, values = fixed_point([1, 0, 0, 0, 1, 0]), picture.double() / 255
    yield IDENTITY, 1, still, values
    for move, transform in moves(picture.shape[:0:-1]):
        moved = F.pil_to_tensor(transform(F.to_pil_image(picture)))
        yield AFFINE, 1, fixed_point(move), moved.double() / 255
    for change, factors in {BRIGHTNESS: (0.4, 1.99), SATURATION: (0.01, 1.7),
                            CONTRAST: (0.2, 1.6), SHARPNESS: (0.01, 1.99),
                            AUTOCONTRAST: (1,)}.items():
        for factor in map(representable, factors):
            yield change, factor, still, COLORS[change](values, factor)
    for change, factors in {POSTERIZE: (2, 5, 8), SOLARIZE: (0, 127.5, 255), EQUALIZE: (1,)}.items():
        for factor in factors:
            yield change, factor, still, WHOLE_LEVELS[change](picture, factor).double() / 255


def trivial_augment(h, w, channels, normalized):
    mean = MEAN[:channels] if normalized else torch.zeros(channels).double()
    deviation = DEVIATION[:channels] if normalized else torch.ones(channels).double()
    mean, deviation = mean.view(-1, 1, 1), deviation.view(-1, 1, 1)
    picture = torch.randint(20, 200, (channels, h, w), dtype=torch.uint8)
    picture[-1] = 77  # a channel of one level

    def normalized_back(change, y):
        exact, moved = (y - mean) / deviation, change in (IDENTITY, AFFINE)
        # Moved pixels are those of the input, in float32; black, which it has nowhere, is not.
        return torch.where((y > 0) & moved, exact.float().double(), exact)

    drawn = list(picture_changes(picture))
    normal = ((picture.double() / 255 - mean) / deviation).float().double()
    n, words = len(drawn), f" {IMAGENET}" if normalized else ""
    record(f"trivial_augment n{n}h{h}w{w}c{channels}{words}",
           [normal.expand(n, -1, -1, -1), torch.tensor([change for change, *_ in drawn]),
            torch.tensor([float(factor) for _, factor, *_ in drawn]).double(),
            torch.stack([affine for _, _, affine, _ in drawn])],
           [torch.stack([normalized_back(change, y) for change, *_, y in drawn])])


def view_pictures(n, m, h, w, channels):
    """RandomCrop with padding, RandomHorizontalFlip, ToTensor and Normalize, as they were drawn."""
    pictures = torch.randint(0, 256, (m, channels, h, w), dtype=torch.uint8)
    mean, deviation = MEAN[:channels], DEVIATION[:channels]
    values = ((torch.arange(256).double() / 255 - mean[:, None]) / deviation[:, None]).float().double()
    views, out = [], []
    for _ in range(n):
        index, down, right = random.randrange(m), random.randint(-4, 4), random.randint(-4, 4)
        mirrored = random.randrange(2)
        y = F.crop(F.pad(pictures[index], [4] * 4), 4 + down, 4 + right, h, w)
        y = F.hflip(y) if mirrored else y
        views.append([index, down, right, mirrored])
        out.append(F.normalize(y.double() / 255, mean.tolist(), deviation.tolist()).float().double())
    record(f"view_pictures n{n}m{m}h{h}w{w}c{channels}",
           [pictures, values, torch.tensor(views)], [torch.stack(out)])


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
    trivial_augment(11, 9, 3, True)
    trivial_augment(6, 13, 3, False)
    trivial_augment(7, 10, 1, False)
    view_pictures(8, 5, 12, 9, 3)
    view_pictures(6, 3, 7, 8, 1)
    save("augmentation")


if __name__ == "__main__":
    main()
