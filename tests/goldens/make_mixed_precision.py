#!/usr/bin/env python3
"""Writes mixed_precision.safetensors: casts by PyTorch, bit for bit, and the scales through which
torch.amp.GradScaler goes.

    pip install torch numpy safetensors && python3 tests/goldens/make_mixed_precision.py
"""
import numpy as np
import torch

from make_goldens import FOLDER
from safetensors.torch import save_file

INTERVAL = 4


def numbers():
    """f32 of every magnitude, halfway cases of both types, subnormals, overflow, infinities, NaN."""
    generator = np.random.default_rng(7)
    bits = generator.integers(0, 1 << 32, 2000, dtype=np.uint32)
    normal = generator.standard_normal(1000).astype(np.float32)
    halfway = [(bits[:300] & 0xFFFF0000) | 0x8000, (bits[:300] & 0xFFFFE000) | 0x1000]
    in_f16 = ((bits[:400] & 0x8FFFFFFF) | 0x30000000) & 0xFFFFE000 | 0x1000
    edges = np.array([0.0, -0.0, 65504, 65519.99, 65520, -65520, 2.0**-24, 2.0**-25, 1.5 * 2.0**-25,
                      2.0**-14, np.inf, -np.inf, np.nan, 3.3895314e38, 3.4028235e38], np.float32)
    values = np.concatenate([bits.view(np.float32), normal, halfway[0].view(np.float32),
                             halfway[1].view(np.float32), in_f16.view(np.float32), edges])
    return torch.from_numpy(values)


def scales():
    """The scale and its count after each of a row of steps, and which of them overflowed."""
    generator = np.random.default_rng(3)
    overflows = generator.random(60) < 0.15
    scale, steps = torch.tensor([65536.0]), torch.tensor([0], dtype=torch.int32)
    history = []
    for overflow in overflows:
        torch._amp_update_scale_(scale, steps, torch.tensor([float(overflow)]), 2.0, 0.5, INTERVAL)
        history.append((scale.item(), steps.item()))
    return overflows, history


def main():
    x = numbers()
    overflows, history = scales()
    save_file({"x": x, "bf16": x.to(torch.bfloat16), "f16": x.to(torch.float16),
               "overflows": torch.tensor(overflows.astype(np.int64)),
               "scales": torch.tensor([h[0] for h in history], dtype=torch.float32),
               "steps": torch.tensor([h[1] for h in history], dtype=torch.int64),
               "interval": torch.tensor(INTERVAL, dtype=torch.int64)},
              FOLDER / "mixed_precision.safetensors")


if __name__ == "__main__":
    main()
