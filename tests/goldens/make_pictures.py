#!/usr/bin/env python3
"""Writes pictures.safetensors: files of pictures and what Pillow makes of them.

    pip install pillow numpy safetensors torchvision && python3 tests/goldens/make_pictures.py

<case>/file   u8 [n]: a JPEG or PNG file that Pillow wrote
<case>/rgb    u8 [H,W,3]: ImageOps.exif_transpose, then convert("RGB"); with /4, /2 or /1 at the end
              of the case, decoded at so many eighths (Image.draft)
resize/source u8 [H,W,3], and resize/<filter>/<top>_<left>_<height>_<width>/<rows>_<columns> what
              crop(box).resize(size, filter) makes of it
view/<case>/<resize>_<crop>_<filter>  f32 [3,crop,crop]: torchvision's evaluation of the case's file,
              Resize, CenterCrop and division by 255, on PIL pictures
"""
import io
import pathlib

import numpy as np
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from torchvision.transforms import v2

FOLDER = pathlib.Path(__file__).resolve().parent
tensors = {}


def picture(height, width, seed):
    """Smooth waves with an edge and some noise, u8 [H,W,3]."""
    y, x = np.mgrid[0:height, 0:width] / 9.0
    waves = np.stack([np.sin(x + y), np.cos(x - y / 2), np.sin(y) * np.cos(x)], axis=2)
    values = 128 + 90 * waves + np.random.default_rng(seed).normal(0, 6, waves.shape)
    values[height // 3:, width // 2:] *= 0.4
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def record(name, image, kind, eighths=(), **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    tensors[f"{name}/file"] = np.frombuffer(stream.getvalue(), np.uint8).copy()
    opened = ImageOps.exif_transpose(Image.open(stream))
    tensors[f"{name}/rgb"] = np.asarray(opened.convert("RGB")).copy()
    for eighth in eighths:
        scaled = Image.open(stream)
        scaled.draft("RGB", (image.width * eighth // 8, image.height * eighth // 8))
        tensors[f"{name}/{eighth}/rgb"] = np.asarray(scaled.convert("RGB")).copy()


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def jpegs():
    rgb = Image.fromarray(picture(37, 50, 1))
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        record(f"jpeg_{name}", rgb, "JPEG", eighths=(4, 2, 1), quality=90, subsampling=subsampling)
    record("jpeg_progressive", rgb, "JPEG", quality=80, progressive=True)
    record("jpeg_gray", rgb.convert("L"), "JPEG", quality=90)
    record("jpeg_cmyk", rgb.convert("CMYK"), "JPEG", quality=95)
    small = Image.fromarray(picture(20, 33, 2))
    for value in range(1, 9):
        record(f"jpeg_orientation_{value}", small, "JPEG", exif=orientation(value))


def pngs():
    pixels = picture(19, 27, 3)
    rgb = Image.fromarray(pixels)
    alpha = np.concatenate([pixels, pixels[:, ::-1, :1]], axis=2)
    record("png_rgb", rgb, "PNG")
    record("png_gray", rgb.convert("L"), "PNG")
    record("png_one_bit", rgb.convert("1"), "PNG")
    record("png_palette", rgb.quantize(16), "PNG")
    record("png_rgba", Image.fromarray(alpha, "RGBA"), "PNG")
    record("png_gray_alpha", Image.fromarray(alpha, "RGBA").convert("LA"), "PNG")


def resizes():
    """Black and white dots for bilinear alone: what bicubic overshoots, Pillow cuts off after its
    first pass, and which that is depends on the sizes."""
    source = Image.fromarray(picture(61, 83, 4))
    hard = np.where(np.random.default_rng(5).random((61, 83, 1)) < 0.5, 0, 255)
    for name, image in (("", source), ("hard_", Image.fromarray(hard.repeat(3, 2).astype(np.uint8)))):
        tensors[f"resize/{name}source"] = np.asarray(image).copy()
        for kind in ("bilinear",) if name else ("bilinear", "bicubic"):
            for top, left, h, w in ((0, 0, 61, 83), (7, 11, 40, 30), (50, 60, 1, 2)):
                for size in ((32, 48), (61, 83), (100, 9), (1, 130)):
                    small = image.crop((left, top, left + w, top + h)).resize(
                        size[::-1], getattr(Image.Resampling, kind.upper()))
                    key = f"resize/{name}{kind}/{top}_{left}_{h}_{w}/{size[0]}_{size[1]}"
                    tensors[key] = np.asarray(small).copy()


def views():
    for case in ("jpeg_420", "jpeg_gray", "jpeg_cmyk", "png_rgb"):
        image = Image.open(io.BytesIO(tensors[f"{case}/file"].tobytes())).convert("RGB")
        for resize, crop, kind in ((30, 24, "bilinear"), (18, 17, "bicubic"), (60, 49, "bilinear")):
            see = v2.Compose([v2.Resize(resize, v2.InterpolationMode(kind), antialias=True),
                              v2.CenterCrop(crop), v2.PILToTensor()])
            tensors[f"view/{case}/{resize}_{crop}_{kind}"] = np.ascontiguousarray(
                see(image).float().div(255).numpy())


if __name__ == "__main__":
    jpegs()
    pngs()
    resizes()
    views()
    save_file(tensors, FOLDER / "pictures.safetensors")
