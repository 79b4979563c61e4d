#!/usr/bin/env python3
"""Holds every architecture against PyTorch: logits, loss and every parameter's gradient, in
evaluation and in training mode, at full size.

    pip install torch torchvision timm safetensors
    scripts/parity.py [--models resnet18,vgg16] [--batch 2] [--voluta build/release/voluta]

Both sides get the weights of tests/goldens/formula.py and dropout 0. PyTorch computes in double, voluta
in f32; the table gives ||a - b|| / ||b||, for the gradients the worst parameter's and that of all as
one vector. A model passes with every figure at or below --bound. Exit code 4 where one does not.

Kinks. Among the ten million inputs of a network's relus some lie within f32's rounding of 0 and come
out on the other side of it; so do near-ties of max pooling. Each changes the gradients of all layers
in front of it by about a thousandth, between any two f32 programs and between PyTorch's own f32 and
f64. So PyTorch takes voluta's side of each kink: the masks of relu and relu6 and the winners of max
pooling come from `voluta forward --values`. The column "kinks" counts where PyTorch alone would have
decided otherwise; more than one in 10,000 is a failure too.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "goldens"))

import torch  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

import formula  # noqa: E402
import pytorch_models  # noqa: E402


def relative(a, b):
    difference = (a.double() - b.double()).norm()
    norm = b.double().norm()
    return float(difference / norm) if norm > 0 else float(difference)


class Decisions:
    """Replaces PyTorch's relu, relu6 and max pooling by ones that decide as voluta did. Calls come in
    the order of voluta's layers; a shape that differs ends the comparison."""

    def __init__(self, layers, tensors):
        self.layers, self.tensors = layers, tensors
        self.next, self.differing, self.all = 0, 0, 0

    def take(self, kind):
        layer = self.layers[self.next]
        self.next += 1
        if layer["kind"] != kind:
            raise RuntimeError(f"PyTorch calls {kind} where voluta has {layer}")
        return self.tensors[("argmax." if kind == "max" else "value.") + layer["name"]]

    def count(self, ours, theirs):
        self.differing += int((ours != theirs).sum())
        self.all += ours.numel()

    def relu(self, x, inplace=False):
        on = self.take("relu") > 0
        self.count(on, x > 0)
        return x * on

    def relu6(self, x, inplace=False):
        y = self.take("relu6")
        on, above = (y > 0) & (y < 6), y >= 6
        self.count(on, (x > 0) & (x < 6))
        return x * on + 6.0 * above

    def hardtanh(self, x, min_val=-1.0, max_val=1.0, inplace=False):
        return self.relu6(x)

    def max_pool2d(self, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
                   return_indices=False):
        r = kernel_size if isinstance(kernel_size, int) else kernel_size[0]
        stride = r if stride is None else stride
        u, p = (v if isinstance(v, int) else v[0] for v in (stride, padding))
        winner = self.take("max").long()  # r * R + s
        rows = torch.arange(winner.shape[2]).view(1, 1, -1, 1) * u - p + winner // r
        columns = torch.arange(winner.shape[3]).view(1, 1, 1, -1) * u - p + winner % r
        index = rows * x.shape[3] + columns
        _, theirs = self.original_max_pool2d(x, r, u, p, 1, ceil_mode, True)
        y = x.flatten(2).gather(2, index.flatten(2)).view_as(theirs)
        self.count(y.detach(), x.detach().flatten(2).gather(2, theirs.flatten(2)).view_as(theirs))
        return y

    def __enter__(self):
        functional = torch.nn.functional
        self.original_max_pool2d = functional.max_pool2d
        names = ("relu", "relu6", "hardtanh", "max_pool2d")
        self.saved = {name: getattr(functional, name) for name in names}
        for name in names:
            setattr(functional, name, getattr(self, name))
        return self

    def __exit__(self, *_):
        for name, function in self.saved.items():
            setattr(torch.nn.functional, name, function)


def pytorch(name, model, images, labels, training, decisions):
    model.train(training)
    model.zero_grad()
    with decisions:
        logits, loss = pytorch_models.loss_of(name, model(images), labels)
    loss.backward()
    grads = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    return logits.detach(), loss.detach(), grads


def voluta(program, name, folder, training, device):
    command = [program, "forward", "--model", name, "--weights", folder / "weights.safetensors",
               "--input", folder / "input.safetensors", "--output", folder / "output.safetensors",
               "--gradients", "--values", "--device", device, "--quiet"]
    subprocess.run(command + (["--train", "--dropout", "0"] if training else []), check=True)
    with safe_open(folder / "output.safetensors", "pt") as file:
        layers = json.loads(file.metadata()["layers"])
    tensors = load_file(folder / "output.safetensors")
    kinked = [layer | {"kind": layer["kind"].replace("pool2d", "max")} for layer in layers
              if layer["kind"] in ("relu", "relu6") or f"argmax.{layer['name']}" in tensors]
    return tensors, Decisions(kinked, tensors)


def worst_gradient(ours, theirs):
    """(name, its error, error of all gradients as one vector). A parameter that PyTorch gives no
    gradient (an auxiliary head in evaluation) must have none or zeros with us. One whose gradient is
    nothing but rounding in PyTorch's double too (a shift that the next batch norm takes away again)
    is measured against the whole gradient."""
    norms = {key: float(want.norm()) for key, want in theirs.items()}
    all_norm = sum(n * n for n in norms.values()) ** 0.5
    errors, difference, norm = {}, 0.0, 0.0
    for key, want in theirs.items():
        got = ours[f"grad.{key}"].double()
        vanishes = norms[key] < 1e-9 * all_norm
        errors[key] = float(got.norm()) / all_norm if vanishes else relative(got, want)
        difference += float((got - want).norm() ** 2)
        norm += float(want.norm() ** 2)
    for key in ours:
        extra = key.removeprefix("grad.")
        if key.startswith("grad.") and extra not in theirs and ours[key].abs().max() > 0:
            errors[extra] = float("inf")
    name = max(errors, key=lambda k: errors[k] if errors[k] == errors[k] else float("inf"))
    return name, errors[name], (difference / norm) ** 0.5


def compare(entry, options, folder):
    name = entry["name"]
    model = pytorch_models.build(name, entry["classes"])
    save_file(formula.load(model), folder / "weights.safetensors")
    channels, height, width = entry["input"]
    images = formula.tensor("input", (options.batch, channels, height, width))
    labels = formula.labels(options.batch, entry["classes"])
    save_file({"input": images, "labels": labels}, folder / "input.safetensors")
    rows = []
    for training in (False, True):
        ours, decisions = voluta(options.voluta, name, folder, training, options.device)
        logits, loss, grads = pytorch(name, model, images.double(), labels, training, decisions)
        worst, error, whole = worst_gradient(ours, grads)
        rows.append({"model": name, "mode": "train" if training else "eval",
                     "input": list(images.shape), "logits": relative(ours["logits"], logits),
                     "loss": relative(ours["loss"], loss), "gradients": whole,
                     "kinks": decisions.differing, "decisions": decisions.all,
                     "worst_gradient": error, "worst_parameter": worst})
        formula.load(model)  # training moved the running statistics
    return rows


def write_table(path, rows):
    """One row a line, replacing those of the same models."""
    new = {row["model"] for row in rows}
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    lines = [json.dumps(row) for row in [r for r in old if r["model"] not in new] + rows]
    path.write_text(json.dumps({"pytorch": torch.__version__})[:-1] + ', "rows": [\n'
                    + ",\n".join(lines) + "\n]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voluta", default=str(ROOT / "build/release/voluta"))
    parser.add_argument("--models", help="comma-separated names (default: all)")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--bound", type=float, default=1e-4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", help="write the table here too; rows of other models stay")
    options = parser.parse_args()
    listing = subprocess.run([options.voluta, "summary", "--list", "--json"], check=True,
                             capture_output=True, text=True).stdout
    entries = json.loads(listing)
    if options.models:
        wanted = options.models.split(",")
        entries = [e for e in entries if e["name"] in wanted]
        if len(entries) != len(wanted):
            parser.error(f"known models: {', '.join(e['name'] for e in json.loads(listing))}")
    rows, failed = [], 0
    print(f"{'model':<18} {'mode':<6} {'logits':>9} {'loss':>9} {'gradients':>9} {'worst':>9}"
          f" {'kinks':>6}  worst parameter, seconds")
    for entry in entries:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for row in compare(entry, options, pathlib.Path(folder)):
                figures = [row[k] for k in ("logits", "loss", "gradients", "worst_gradient")]
                good = (all(figure <= options.bound for figure in figures)
                        and row["kinks"] <= 1e-4 * row["decisions"])
                failed += not good
                rows.append(row)
                print(f"{row['model']:<18} {row['mode']:<6} "
                      + " ".join(f"{figure:9.1e}" for figure in figures)
                      + f" {row['kinks']:6}  {row['worst_parameter']}, {time.monotonic() - begin:.0f} s"
                      + ("" if good else "  FAILED"), flush=True)
    if options.json:
        write_table(pathlib.Path(options.json), rows)
    print(f"{len(rows)} comparisons, {failed} above {options.bound:g}")
    sys.exit(4 if failed else 0)


if __name__ == "__main__":
    main()
