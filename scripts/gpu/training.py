"""LeNet-5 trained on the device: bits, losses, and images per second against PyTorch.

training.json: determinism (100 steps three times), losses (20 steps against the CPU reference),
images_per_second (voluta and PyTorch take turns).
"""
import hashlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

RUN_LIMIT = 60


class Training:
    def __init__(self, bench):
        self.bench, self.device = bench, bench.args.device
        self.data = bench.bundle / "data" / "mnist"
        self.steps = 100 if bench.cuda() else 20
        self.content = {"data": "MNIST"}

    def find_data(self):
        """MNIST where the bundle has it, else digits that are drawn; few of them in a dry run."""
        if self.data.is_dir() and self.bench.cuda():
            return True
        self.data = self.bench.work / "digits"
        self.content["data"] = "voluta data make digits"
        count = ("--train", 60000, "--test", 10000) if self.bench.cuda() else ("--train", 2000)
        outcome, _, error = self.bench.voluta("data", "make", "digits", "--output-dir", self.data,
                                              *count, limit=RUN_LIMIT)
        if outcome.code or outcome.cut:
            self.bench.fail(f"voluta data make digits: {outcome.text()} {error[-300:]}")
            return False
        return True

    def train(self, *flags):
        """One run: (the folder's metrics, SHA-256 of the weights)."""
        with tempfile.TemporaryDirectory(dir=self.bench.work) as folder:
            outcome, _, error = self.bench.voluta(
                "train", "--data-path", self.data, "--dataset", "mnist", "--output-dir", folder,
                "--quiet", "--seed", 1, *flags, limit=RUN_LIMIT)
            if outcome.code or outcome.cut:
                self.bench.fail(f"voluta train {' '.join(map(str, flags))}: {outcome.text()} "
                                f"{error.strip()[-300:]}")
                return [], None
            with open(f"{folder}/metrics.jsonl") as lines:
                metrics = [json.loads(line) for line in lines]
            weights = (Path(folder) / "weights.safetensors").read_bytes()
            return metrics, hashlib.sha256(weights).hexdigest()

    def determinism(self):
        flags = ("--device", self.device, "--max-steps", self.steps, "--test-limit", 0)
        runs = [self.train(*flags)[1], self.train(*flags)[1],
                self.train(*flags, "--no-cuda-graph")[1]]
        same = runs[0] is not None and len(set(runs)) == 1
        if not same:
            self.bench.fail(f"{self.steps} steps do not give the same weights three times")
        return {"steps": self.steps, "bit_identical": same, "sha256": runs,
                "runs": "graph, graph, launched step by step"}

    def losses(self):
        # A rate at which the parameters move: small differences grow.
        flags = ("--max-steps", 20, "--print-freq", 1, "--test-limit", 0, "--lr", 0.05,
                 "--lr-scheduler", "constant")
        losses = []
        for device in ((self.device,), ("cpu", "--engines", "reference")):
            metrics, _ = self.train("--device", *device, *flags)
            losses.append([line["loss"] for line in metrics if line["event"] == "step"])
        if not losses[0] or len(losses[0]) != len(losses[1]):
            self.bench.fail("no losses to compare with the reference's")
            return {}
        worst = max(abs(a - b) / abs(b) for a, b in zip(*losses))
        return {"steps": len(losses[0]), "device": losses[0], "cpu_reference": losses[1],
                "largest_relative_difference": worst}

    def voluta_rate(self, *flags):
        metrics, _ = self.train("--device", self.device, "--epochs", 2, *flags)
        epochs = [line for line in metrics if line["event"] == "epoch"]
        return epochs[-1]["images_per_second"] if epochs else None

    def torch_rate(self, *flags):
        outcome, text, error = self.bench.call(
            sys.executable, self.bench.bundle / "bench_epoch_torch.py", "--data-path", self.data,
            "--device", self.device, "--epochs", 2, *flags, limit=RUN_LIMIT, name="torch-epoch")
        if outcome.code or outcome.cut:
            self.content["pytorch"] = error.strip()[-300:] or outcome.text()
            return None
        answer = json.loads(text)
        self.content["pytorch"] = answer["framework"]
        return answer["images"] / answer["seconds"][-1]

    def race(self):
        """Images per second of LeNet-5, batch 64, f32; all ways take turns, `pairs` times."""
        ways = {"voluta": self.voluta_rate, "pytorch": self.torch_rate}
        if self.bench.cuda():
            ways["voluta_without_graph"] = lambda: self.voluta_rate("--no-cuda-graph")
            ways["pytorch_graph"] = lambda: self.torch_rate("--mode", "graph")
        rates, summary = {name: [] for name in ways}, {}
        for _ in range(self.bench.args.pairs):
            for name, measure in ways.items():
                if self.bench.left() < 5:
                    return summary
                rate = measure()
                if rate:
                    rates[name].append(rate)
                    summary[name] = {"median": statistics.median(rates[name]),
                                     "min": min(rates[name]), "max": max(rates[name]),
                                     "runs": len(rates[name])}
            self.content["images_per_second"] = summary
            self.bench.write("training.json", self.content)
        return summary

    def run(self):
        if not self.find_data():
            return
        for name, work in (("determinism", self.determinism), ("losses", self.losses),
                           ("images_per_second", self.race)):  # the race takes what is left
            self.content[name] = work()
            self.bench.write("training.json", self.content)
