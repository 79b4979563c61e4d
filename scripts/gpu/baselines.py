"""What PyTorch does on this machine, from the lines of baselines_torch.py: baselines.json, of a second
part compiled.json, so that the two lie side by side."""
import sys
from pathlib import Path

from bench import json_lines, last_line

SCRIPT = Path(__file__).resolve().parent / "baselines_torch.py"


def run(bench, limit, *flags):
    """Adds to what the file has of this run."""
    tiny = [] if bench.cuda() else ["--tiny", "--models", "mobilenet_v1", "--batches", "2"]
    outcome, text, error = bench.call(
        sys.executable, SCRIPT, "--device", bench.args.device, *tiny, *flags,
        limit=limit, name="baselines")
    rows = json_lines(text)
    name = "compiled.json" if bench.args.part == "second" else "baselines.json"
    bench.baselines += rows
    bench.write(name, {"results": bench.baselines})
    for row in rows:
        if row.get("what") == "failed":
            bench.say(f"baseline of {row['of']}: {row['reason']}")
    if outcome.code or outcome.cut:
        bench.fail(f"baselines_torch.py: {outcome.text()}, {len(rows)} rows {last_line(error)}")
    else:
        bench.say(f"baselines: {len(rows)} rows, {outcome.seconds:.0f} s")
