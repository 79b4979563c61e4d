"""Weights and inputs that Voluta's tests and PyTorch's side compute alike, so that no weight file is
committed. The C++ side is tests/goldens/formula.h.

A tensor's numbers are the stream fnv1a(name) of Philox with seed 1998, u in [0, 1), in PyTorch's
element order, v = 2 u - 1:

    weight of rank >= 2    v sqrt(6 / fan in)     He et al. 2015: keeps the variance through ReLU
    bn3.weight             0.2 + 0.05 v           of a bottleneck's end: 50 blocks of full weight
                                                  magnify f32's rounding a thousandfold
    weight of rank 1       0.75 + 0.25 v          of batch norm: residual sums stay small
    bn.bias                0.2 + 0.1 v            of the Inception nets, which add nothing around a
                                                  layer: batch norm and a relu that cuts half of it
                                                  magnify rounding by 1.2 a layer (Yang et al. 2019,
                                                  arXiv 1902.08129); less where it cuts less
    other bias             0.1 v
    running_mean           0.1 v
    running_var            1 + 0.5 v
    num_batches_tracked    0
    input                  v

computed in double and rounded once to f32. Label n is 3 n mod classes.
"""
import numpy as np
import torch

SEED = 1998


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


CHUNK = 1 << 18  # words at a time: what stays in a cache


def chunks(count):
    return ((first, min(CHUNK, count - first)) for first in range(0, count, CHUNK))


def philox(seed, counter):
    """Philox4x32-10 of blocks of four words: `counter` is four arrays of the same length."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [np.asarray(word, np.uint64) for word in counter]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([word.astype(np.uint32) for word in c], 1).reshape(-1)


def uniform(words):
    """Numbers of 24 bits in [0, 1)."""
    return (words >> np.uint32(8)).astype(np.float64) * 2.0**-24


def philox_words(seed, stream, first, count):
    """Words [first, first + count) of voluta's Random(seed, stream). `first` is a multiple of 4."""
    blocks = (count + 3) // 4
    index = np.arange(first // 4, first // 4 + blocks, dtype=np.uint64)
    ones = np.ones(blocks, np.uint64)
    counter = (index & np.uint64(0xFFFFFFFF), index >> np.uint64(32),
               ones * np.uint64(stream & 0xFFFFFFFF), ones * np.uint64(stream >> 32))
    return philox(seed, counter)[:count]


def scale_and_offset(name, shape):
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        return 0.5, 1.0
    if leaf == "weight" and len(shape) > 1:
        return float(np.sqrt(6.0 / float(np.prod(shape[1:])))), 0.0
    if name.endswith("bn3.weight"):
        return 0.05, 0.2
    if leaf == "weight":
        return 0.25, 0.75
    if name.endswith(".bn.bias"):
        return 0.1, 0.2
    return (1.0 if name == "input" else 0.1), 0.0


def tensor(name, shape):
    """The f32 tensor of that name."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    scale, offset = scale_and_offset(name, shape)
    values, stream = np.empty(int(np.prod(shape)), np.float32), fnv1a(name)
    for first, count in chunks(values.size):
        u = uniform(philox_words(SEED, stream, first, count))
        values[first:first + count] = (2 * u - 1) * scale + offset
    return torch.from_numpy(values).view(tuple(shape))


def labels(batch, classes):
    return torch.arange(batch) * 3 % classes


def load(model):
    """Gives the model the formula's weights, in its own dtype; returns them as f32."""
    state = {name: tensor(name, value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return state


def digest(name, values):
    """Norm and four projections of a gradient: [norm, sum s1 g, ..., sum s4 g], where bit j of word i
    of stream fnv1a(name), seed 77, makes s_j of element i -1. The error of a projection is, on
    average, as large as the norm of the error, so five numbers stand for the tensor."""
    g = values.detach().double().reshape(-1).numpy()
    sums, stream = np.zeros(4), fnv1a(name)
    for first, count in chunks(g.size):
        words = philox_words(77, stream, first, count)
        for j in range(4):
            negative = ((words >> np.uint32(j)) & np.uint32(1)).astype(bool)
            part = g[first:first + count]
            sums[j] += part.sum() - 2.0 * part[negative].sum()
    return [float(np.sqrt(np.dot(g, g)))] + [float(s) for s in sums]
