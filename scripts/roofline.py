#!/usr/bin/env python3
"""Writes docs/roofline.md: what each layer of each model cannot avoid, and the time that takes.

    scripts/roofline.py [--voluta build/release/voluta] [--models resnet50,vgg16]

FLOPs and bytes are the ops' own Cost, by `voluta compare --mode support MODEL.nN --json`, and for the
whole step as it is planned by `voluta-simt summary MODEL -v --json`: every input read once, every output
written once. The floor of a layer is the larger of FLOPs over the tensor cores' rate and bytes over the
memory's. No figure of the table was measured.
"""
import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCTS = ("conv2d", "depthwise_conv2d", "linear")
DIRECTIONS = ("forward", "input_gradient", "filter_gradient")

HEAD = """# What the layers cost

Written by `scripts/roofline.py`; no figure here was measured. Batch {batch}, bf16, a training step. For
each convolution, depthwise convolution and linear layer: FLOPs and least bytes (what lies under a window read once,
each output written once) of the forward direction, their ratio, what binds, and the floor in
microseconds of forward, input gradient and filter gradient on an H200 with {tflops:g} TFLOP/s of bf16 tensor
cores and {bandwidth:g} TB/s of memory, the two rates measured on such a card. Depthwise convolutions run on
the CUDA cores ({simt:g} TFLOP/s). The line below a table sums up the floors of the whole step as Voluta plans it
for Hopper, with what its passes fuse, defer and absorb (docs/design.md), casts and updates of parameters
too; ops of less than 1 % of the products are in the sum alone.

Where a layer is bound by memory the tensor cores idle however good the kernel is: judge kernels by
their share of the floor, not of the peak.
"""


def rows_of(voluta, model, batch):
    """One row a problem: a support listing has one for each engine."""
    listing = subprocess.run(
        [voluta, "compare", "--mode", "support", f"{model}.n{batch}", "--precision", "bf16", "--json"],
        check=True, capture_output=True, text=True).stdout
    return list({row["problem"]: row for row in json.loads(listing)}.values())


def planned_rows(voluta, model, batch):
    """What a training plan for Hopper runs in every step."""
    listing = subprocess.run(
        [voluta, "summary", model, "-b", str(batch), "--device", "simt", "--precision", "bf16", "-v", "--json"],
        check=True, capture_output=True, text=True).stdout
    return [dict(step, op=step["problem"].split()[0], count=1) for step in json.loads(listing)["steps"]
            if not step["once"]]


class Chip:
    def __init__(self, options):
        self.options = options

    def floor_us(self, row):
        depthwise = row["op"].startswith("depthwise")
        rate = self.options.simt if depthwise else self.options.tflops
        return max(row["flops"] / rate, row["bytes"] / self.options.bandwidth) * 1e-6

    def binds(self, row):
        memory_us = row["bytes"] / self.options.bandwidth * 1e-6
        return "memory" if memory_us >= self.floor_us(row) else "arithmetic"


def family(op):
    """(the forward op, direction) of a product, or None."""
    for product in PRODUCTS:
        for direction in DIRECTIONS:
            name = product if direction == "forward" else f"{product}_{direction}"
            if op == name or op == name.replace("filter", "weight"):
                return product, direction
    return None


def shape_of(row):
    """The extents of a line, which the three directions share."""
    return row["problem"].split()[1]


def sums_of(rows, chip):
    """"products 4.7 ms, batch_norm_training 1.6 ms, ...: 6.9 ms": floors of a step."""
    products, others = 0.0, {}
    for row in rows:
        floor = chip.floor_us(row) * row["count"]
        if family(row["op"]) is None:
            others[row["op"]] = others.get(row["op"], 0.0) + floor
        else:
            products += floor
    sums = [("products", products)] + sorted(others.items(), key=lambda item: -item[1])
    shown = [f"{name} {us / 1e3:.3g} ms" for name, us in sums if us >= 0.01 * products]
    return f"{', '.join(shown)}; together {sum(us for _, us in sums) / 1e3:.3g} ms"


def table(model, rows, planned, chip, batch):
    layers = {}
    for row in rows:
        kind = family(row["op"])
        if kind is not None:
            layers.setdefault((kind[0], shape_of(row)), {})[kind[1]] = row
    lines = [f"\n## {model}\n", "| layer | x | GFLOP | MB | FLOP/B | binds | forward | input | filter |",
             "|---|---|---|---|---|---|---|---|---|"]
    for (op, shape), directions in layers.items():
        first = next(iter(directions.values()))
        floors = [f"{chip.floor_us(directions[d]):.1f}" if d in directions else "-" for d in DIRECTIONS]
        lines.append(f"| {op} {shape.removeprefix(f'n{batch}')} | {first['count']} | {first['flops'] / 1e9:.2f} "
                     f"| {first['bytes'] / 1e6:.1f} | {first['flops'] / first['bytes']:.0f} "
                     f"| {chip.binds(first)} | " + " | ".join(floors) + " |")
    lines.append(f"\nThe whole step: {sums_of(planned, chip)}.")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voluta", default=str(ROOT / "build/release/voluta"))
    parser.add_argument("--voluta-simt", default=str(ROOT / "build/release/voluta-simt"))
    parser.add_argument("--models", help="comma-separated names (default: all)")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--bandwidth", type=float, default=4.3, help="TB/s")
    parser.add_argument("--tflops", type=float, default=790.0, help="of the tensor cores in bf16")
    parser.add_argument("--simt", type=float, default=60.0, help="TFLOP/s of the CUDA cores in f32")
    parser.add_argument("--output", default=str(ROOT / "docs/roofline.md"))
    options = parser.parse_args()
    listing = subprocess.run([options.voluta, "summary", "--list", "--json"], check=True,
                             capture_output=True, text=True).stdout
    models = [entry["name"] for entry in json.loads(listing)]
    if options.models:
        models = options.models.split(",")
    chip = Chip(options)
    lines = [HEAD.format(**vars(options)).rstrip()]
    for model in models:
        lines += table(model, rows_of(options.voluta, model, options.batch),
                       planned_rows(options.voluta_simt, model, options.batch), chip, options.batch)
    pathlib.Path(options.output).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
