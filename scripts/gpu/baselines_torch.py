#!/usr/bin/env python3
"""What PyTorch and the machine do without us, as lines of JSON on standard output:

  baselines_torch.py                       copy bandwidth, a bf16 product, eager training steps
  baselines_torch.py --compiled            training steps under torch.compile: the models compile
                                           side by side and are timed one after another
  baselines_torch.py --device cpu --tiny   a dry run without a GPU

A step is forward, loss, backward and SGD with momentum on synthetic pictures of the size that the
paper trained on: channels_last, autocast to bf16, the fastest algorithms that cuDNN finds.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time

import torch
from torch import nn

MODELS = ("resnet50", "vgg16", "mobilenet_v2", "mobilenet_v1", "inception_v3")
BATCHES = (256, 32, 1)
AUXILIARY_WEIGHT = 0.4  # of Inception v3's second head
SAMPLES, SECONDS = 15, 1.5  # so many, or fewer that take so long
SAMPLE_MS, SAMPLE_STEPS = 50, 10  # a sample's steps follow each other without a wait


def mobilenet_v1(num_classes):
    """Howard 2017, table 1; torchvision has none."""
    def unit(channels_in, channels, kernel, stride, groups=1):
        return (nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, groups=groups,
                          bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
    rows = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
            (1024, 2), (1024, 1))
    layers, last = [*unit(3, 32, 3, 2)], 32
    for channels, stride in rows:
        layers += [*unit(last, last, 3, stride, last), *unit(last, channels, 1, 1)]
        last = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(last, num_classes))


def build(name, batch):
    if name == "mobilenet_v1":
        return mobilenet_v1(num_classes=1000)
    import torchvision
    options = {}
    if name == "inception_v3":  # the second head normalises single pixels: no variance in 1 picture
        options = {"aux_logits": batch > 1, "init_weights": False}
    return torchvision.models.get_model(name, num_classes=1000, **options)


class Step:
    """A training step of a model on one batch, over and over."""

    def __init__(self, name, batch, args, compiled=False):
        self.cuda = args.device == "cuda"
        side = 299 if name == "inception_v3" else 224
        if args.tiny and name != "inception_v3":
            side = 64
        with torch.device(args.device):
            model = build(name, batch).to(memory_format=torch.channels_last)
        backend = "aot_eager" if args.tiny else "inductor"  # a dry run does without a compiler
        self.model = torch.compile(model, backend=backend) if compiled else model
        self.images = torch.randn(batch, 3, side, side, device=args.device).to(
            memory_format=torch.channels_last)
        self.labels = torch.randint(1000, (batch,), device=args.device)
        self.optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-4)
        self.device = args.device

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16):
            output = self.model(self.images)
            first, *more = [output] if isinstance(output, torch.Tensor) else output
            loss = nn.functional.cross_entropy(first, self.labels)
            for head in more:
                loss = loss + AUXILIARY_WEIGHT * nn.functional.cross_entropy(head, self.labels)
        loss.backward()
        self.optimizer.step()

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def warm_up(self, steps):
        for _ in range(steps):
            self.run()
        self.wait()

    def times(self):
        """Milliseconds of a step, each a mean of the steps of a sample."""
        many = int(min(SAMPLE_STEPS, max(1, SAMPLE_MS / elapsed_ms(self.run, self.cuda))))
        samples, begin = [], time.perf_counter()
        while not samples or (len(samples) < SAMPLES and time.perf_counter() - begin < SECONDS):
            samples.append(elapsed_ms(lambda: [self.run() for _ in range(many)], self.cuda) / many)
        return samples


def elapsed_ms(work, cuda):
    """By the device's clock where it has one."""
    if not cuda:
        begin = time.perf_counter()
        work()
        return (time.perf_counter() - begin) * 1e3
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    stop.record()
    stop.synchronize()
    return start.elapsed_time(stop)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "samples": len(values)}


def say(**row):
    print(json.dumps(row), flush=True)


def copy_bandwidth(args):
    count = (1 << 20) if args.tiny else (1 << 31)
    source = torch.ones(count, dtype=torch.uint8, device=args.device)
    target = torch.empty_like(source)
    cuda = args.device == "cuda"
    times = [elapsed_ms(lambda: target.copy_(source), cuda) for _ in range(15)][3:]
    say(what="copy", bytes=2 * count, ms=spread(times),
        gbps=2 * count / statistics.median(times) * 1e-6)


def product(args):
    n = 128 if args.tiny else 8192
    a, b = (torch.randn(n, n, device=args.device, dtype=torch.bfloat16) for _ in range(2))
    cuda = args.device == "cuda"
    times = [elapsed_ms(lambda: torch.mm(a, b), cuda) for _ in range(40)][10:]
    say(what="product", shape=[n, n, n], precision="bf16", ms=spread(times),
        tflops=2 * n ** 3 / statistics.median(times) * 1e-9)


def step_row(name, batch, mode, times, seconds):
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return {"what": "training_step", "model": name, "batch": batch, "mode": mode,
            "precision": "bf16 autocast", "ms": spread(times),
            "images_per_second": batch / statistics.median(times) * 1e3, "peak_bytes": peak,
            "seconds_until_warm": seconds}


def eager(name, batch, args):
    begin = time.perf_counter()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    step = Step(name, batch, args)
    step.warm_up(1 if args.tiny else 4)
    seconds = time.perf_counter() - begin
    say(**step_row(name, batch, "eager", step.times(), seconds))


def attempt(what, work):
    """A failure is a row too, and the others go on."""
    try:
        work()
    except Exception as error:  # whatever a library throws
        say(what="failed", of=what, reason=f"{type(error).__name__}: {error}"[:500])


def compiled_child(name, batch, args):
    """Compiles, says so, and waits for its turn."""
    begin = time.perf_counter()
    step = Step(name, batch, args, compiled=True)
    step.warm_up(1 if args.tiny else 4)
    seconds = time.perf_counter() - begin
    if step.cuda:
        torch.cuda.empty_cache()  # the others are on the same device
    say(what="ready", model=name, seconds=seconds)
    sys.stdin.readline()
    step.warm_up(1 if args.tiny else 2)
    say(**step_row(name, batch, "torch.compile", step.times(), seconds))


def start_child(name, batch, args):
    words = [sys.executable, __file__, "--child", "--device", args.device, "--models", name,
             "--batches", str(batch)] + (["--tiny"] if args.tiny else [])
    return subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "4"})


def compiled(names, batch, args):
    """The clock runs when nobody compiles any more: all are warm, or the patience is at its end."""
    children = {name: start_child(name, batch, args) for name in names}
    words = {name: "" for name in names}

    def read(name):
        words[name] = children[name].stdout.readline()
    readers = [threading.Thread(target=read, args=(name,), daemon=True) for name in names]
    end = time.perf_counter() + args.patience
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(max(0.1, end - time.perf_counter()))
    for name, child in children.items():
        if '"ready"' not in words[name]:
            child.kill()
            say(what="failed", of=f"{name} torch.compile", reason=words[name].strip() or
                f"not compiled within {args.patience} s")
    for name, child in children.items():
        if '"ready"' in words[name]:
            answer, _ = child.communicate("go\n")
            print(answer.strip(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES, metavar="N")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--patience", type=float, default=110, help="seconds to compile")
    parser.add_argument("--tiny", action="store_true", help="small pictures, a step")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    if args.child:
        return attempt(f"{args.models[0]} torch.compile",
                       lambda: compiled_child(args.models[0], args.batches[0], args))
    name = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    say(what="framework", version=torch.__version__, device=name,
        cudnn=torch.backends.cudnn.version())
    if args.compiled:
        return compiled(args.models, args.batches[0], args)
    attempt("copy", lambda: copy_bandwidth(args))
    attempt("product", lambda: product(args))
    for batch in args.batches:  # the large ones first: they say most
        for name in args.models:
            attempt(f"{name}.n{batch}", lambda: eager(name, batch, args))


if __name__ == "__main__":
    main()
