#!/usr/bin/env python3
"""Writes optimizer.safetensors: a hundred steps of PyTorch's and timm's optimisers in float64, and
norms and clipping factors.

    pip install torch timm && python3 tests/goldens/make_optimizer.py

A sequence of an update op: in0, in1 two parameters at the start, in2, in3 the gradients of all steps
[100,...]; out0, out1 the parameters at the end, then the slots in the op's order. The learning rate
is 1/64. Other cases have the form of ops.safetensors.
"""
import timm.optim
import torch

from make_goldens import reals, record, save

STEPS, LR, SIZES = 100, 1 / 64, (20, 7)


def sequence(line, make, slots=()):
    """`slots`: what the optimiser calls each of the op's slots."""
    parameters = [torch.nn.Parameter(reals(size)) for size in SIZES]
    starts = [p.detach().clone() for p in parameters]
    gradients = [reals(STEPS, size) for size in SIZES]
    optimizer = make(parameters)
    for step in range(STEPS):
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient[step].clone()
        optimizer.step()
    kept = [optimizer.state[p][slot] for slot in slots for p in parameters]
    record(f"{line.split()[0]} n20,7{line[len(line.split()[0]):]}", starts + gradients,
           parameters + kept)


def sgd(words, **options):
    slots = ["momentum_buffer"] if options.get("momentum") else []
    sequence(f"sgd_update{words}", lambda p: torch.optim.SGD(p, LR, **options), slots)


def rmsprop(words, **options):
    slots = ["square_avg"] + (["momentum_buffer"] if options.get("momentum") else [])
    sequence(f"rmsprop_update{words}", lambda p: torch.optim.RMSprop(p, LR, **options), slots)


def rmsprop_tensorflow(words, **options):
    slots = ["square_avg"] + (["momentum_buffer"] if options.get("momentum") else [])
    sequence(f"rmsprop_update{words} tensorflow",
             lambda p: timm.optim.RMSpropTF(p, LR, **options), slots)


def adam(words, kind=torch.optim.Adam, **options):
    sequence(f"adam_update{words}", lambda p: kind(p, LR, **options), ["exp_avg", "exp_avg_sq"])


def lars(words, **options):
    slots = ["momentum_buffer"] if options.get("momentum") else []
    sequence(f"lars_update{words}", lambda p: timm.optim.Lars(p, LR, **options), slots)


def average():
    """torch.optim.swa_utils.AveragedModel with the decay 1 - LR, of parameters that are given."""
    starts, given = [reals(size) for size in SIZES], [reals(STEPS, size) for size in SIZES]
    update = torch.optim.swa_utils.get_ema_avg_fn(1 - LR)
    averages = [start.clone() for start in starts]
    for step in range(STEPS):
        averages = [update(a, g[step], step) for a, g in zip(averages, given)]
    record("average_update n20,7", starts + given, averages)


def norms():
    xs = [reals(20), reals(7)]
    record("tensor_norms n20,7", xs, [torch.stack([torch.linalg.vector_norm(x) for x in xs])])


def clip(max_norm, words):
    given = reals(5).abs()
    parameter = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    parameter.grad = given.clone()
    total = torch.nn.utils.clip_grad_norm_([parameter], max_norm)
    record(f"clip_factor n5{words}", [given], [(parameter.grad / given).mean(), total])


def main():
    sgd("")
    sgd(" decay0.25", weight_decay=0.25)
    sgd(" momentum0.5", momentum=0.5)
    sgd(" momentum0.9 decay0.25", momentum=0.9, weight_decay=0.25)
    sgd(" momentum0.5 decay0.25 nesterov", momentum=0.5, weight_decay=0.25, nesterov=True)
    rmsprop("")
    rmsprop(" alpha0.9 eps0.001 momentum0.9 decay0.25", alpha=0.9, eps=0.001, momentum=0.9,
            weight_decay=0.25)
    rmsprop_tensorflow(" alpha0.9 eps0.001 momentum0.9", alpha=0.9, eps=0.001, momentum=0.9)
    rmsprop_tensorflow(" alpha0.9 decay0.25", alpha=0.9, eps=1e-8, weight_decay=0.25)
    adam("")
    adam(" first0.8 second0.99 eps0.001 decay0.25", betas=(0.8, 0.99), eps=0.001, weight_decay=0.25)
    adam(" decay0.25 decoupled", torch.optim.AdamW, weight_decay=0.25)
    lars(" decay0.25", momentum=0.9, weight_decay=0.25)
    lars(" decay0.25 trust0.5 nesterov", momentum=0.9, weight_decay=0.25, trust_coeff=0.5,
         nesterov=True)
    lars(" momentum0 decay0.25", momentum=0, weight_decay=0.25)
    average()
    norms()
    clip(1, "")
    clip(100, " max100")
    save("optimizer")


if __name__ == "__main__":
    main()
