#!/usr/bin/env python3
"""Writes picture_resize.safetensors: boxes of pictures as torchvision sees them through Pillow, as
ops.safetensors (see make_goldens.py).

    pip install torchvision pillow && python3 tests/goldens/make_picture_resize.py

Bilinear, and lengths halve, double or stay, so that weights of 14 bits give every level as Pillow's 22 do;
pictures_test.cpp has other factors and bicubic, within a level.
"""
import random

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import Image

from make_augmentation import DEVIATION, MEAN
from make_goldens import record, save

def normalized(picture, channels):
    levels = torch.from_numpy(np.array(picture.convert("RGB" if channels == 3 else "L")))
    levels = levels.reshape(picture.height, picture.width, channels).permute(2, 0, 1)
    mean, deviation = MEAN[:channels].tolist(), DEVIATION[:channels].tolist()
    return F.normalize(levels.double() / 255, mean, deviation).float().double()


def training(rows, columns, height, width, halved):
    """RandomResizedCrop and RandomHorizontalFlip, as they were drawn: (picture, view, result)."""
    pixels = torch.randint(0, 256, (rows, columns, 3), dtype=torch.uint8)
    picture = Image.fromarray(pixels.numpy())
    h, w = (2 * height, 2 * width) if halved else random.choice(
        [(height, width), (height // 2, width // 2)])
    top, left, mirrored = random.randint(0, rows - h), random.randint(0, columns - w), random.randrange(2)
    view = [rows, columns, 8 * top, 8 * h, height, 0, 8 * left, 8 * w, width, 0, mirrored]

    seen = F.resized_crop(picture, top, left, h, w, [height, width])
    return pixels, view, F.hflip(seen) if mirrored else seen


def evaluation(rows, columns, height, width):
    """Resize to half the size and CenterCrop."""
    pixels = torch.randint(0, 256, (rows, columns, 3), dtype=torch.uint8)
    picture = Image.fromarray(pixels.numpy())
    size = [rows // 2, columns // 2]
    first = [round((side - crop) / 2) for side, crop in zip(size, (height, width))]
    view = [rows, columns, 0, 8 * rows, size[0], first[0], 0, 8 * columns, size[1], first[1], 0]
    return pixels, view, F.center_crop(F.resize(picture, size), [height, width])


def resize_pictures(pictures, height, width, channels):
    levels = torch.arange(256).double() / 255
    values = ((levels - MEAN[:channels, None]) / DEVIATION[:channels, None]).float().double()
    parts, views, out = [], [], []
    for pixels, view, seen in pictures:
        views.append([sum(part.numel() for part in parts), *view])
        parts.append(pixels.flatten())
        out.append(normalized(seen, channels))
    packed = torch.cat(parts)
    record(f"resize_pictures n{len(out)}h{height}w{width}c{channels}b{len(packed)}",
           [packed, values, torch.tensor(views)], [torch.stack(out)])


def main():
    torch.manual_seed(5)
    random.seed(5)
    for channels in (3, 1):
        resize_pictures([training(30, 40, 8, 12, halved=True), training(17, 24, 8, 12, halved=True),
                         training(11, 13, 8, 12, halved=False), training(9, 20, 8, 12, halved=False),
                         evaluation(24, 36, 8, 12)], 8, 12, channels)
    save("picture_resize")


if __name__ == "__main__":
    main()
