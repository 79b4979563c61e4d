"""What this machine has: the device, the vendor's libraries, PyTorch. Stops a run that would bring
nothing back."""
import concurrent.futures
import json
import shutil
import sys

VENDOR_PROBLEMS = ("conv2d n1h8w8c8k8r3s3p1 f16", "linear n8f64m64 f16")
VENDORS, MISSING = ("cudnn", "cublaslt"), "was not found"
# dlopen finds what LD_LIBRARY_PATH names; versions as the libraries themselves tell.
LIBRARIES = """
import ctypes, json, os
found = {}
for name, call in (("libcudart.so.13", None), ("libcudnn.so.9", "cudnnGetVersion"),
                   ("libcublasLt.so.13", "cublasLtGetVersion")):
    row = found[name] = {}
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        row["error"] = str(error)
        continue
    if call:
        function = getattr(library, call)
        function.restype = ctypes.c_size_t
        row["version"] = function()
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if name in line}
    row["path"] = [path.split("site-packages/")[-1] for path in sorted(paths)[:1]]
print(json.dumps(found))
"""
TORCH = """
import json
row = {}
for name in ("torch", "torchvision", "triton"):
    try:
        row[name] = __import__(name).__version__
    except ImportError as error:
        row[name] = f"missing: {error}"
try:
    import torch
    row["cuda"] = torch.version.cuda
    row["cudnn"] = torch.backends.cudnn.version()
    row["device"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
except Exception as error:
    row["error"] = str(error)
print(json.dumps(row))
"""


def find_device(bench):
    """Whether the device that results are of is there."""
    outcome, text, error = bench.voluta("devices", "--json", limit=60)
    if outcome.code or outcome.cut:
        bench.fail(f"voluta devices: {outcome.text()}: {error.strip()[-500:]}")
        return False
    found = json.loads(text)
    for device in found["devices"]:
        if device["device"].startswith(bench.args.device):
            bench.about["device"], bench.about["driver"] = device["name"], device["driver"]
            bench.say(f"{device['device']}: {device['name']}, driver {device['driver'] or '-'}")
            return True
    bench.fail(f"no {bench.args.device} device: {found['cuda_unavailable']}")
    return False


def find_vendors(bench):
    """(a line an engine of a small convolution and a product, whether the vendor's take both)"""
    outcome, text, error = bench.voluta("compare", "--mode", "support", "--json", "--device",
                                        bench.args.device, *VENDOR_PROBLEMS, limit=60)
    try:
        rows = json.loads(text)
    except json.JSONDecodeError:
        return [f"{outcome.text()}: {error.strip()[-500:]}"], False
    lines = [f"{row['op']} {row['engine']}: {row['reason'] or 'yes'}" for row in rows]
    takers = {row["engine"] for row in rows if row["supported"]}
    found = all(any(name.startswith(vendor) for name in takers) for vendor in VENDORS)
    return lines, found and not any(MISSING in line for line in lines)


def answer_of(bench, program):
    outcome, text, error = bench.call(sys.executable, "-c", program, limit=60, name="preflight")
    try:
        return json.loads(text.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        return {"error": f"{outcome.text()}: {error.strip()[-500:]}"}


def run(bench):
    """False where the run should stop; preflight.json says all."""
    content = {"flags": sys.argv[2:], "python": sys.version}
    pool = concurrent.futures.ThreadPoolExecutor(1)  # PyTorch takes its time to load
    torch = pool.submit(answer_of, bench, TORCH)
    if bench.cuda():
        smi = shutil.which("nvidia-smi")
        content["nvidia_smi"] = bench.call(smi, limit=30)[1].splitlines() if smi else []
    there = find_device(bench)
    content["libraries"] = answer_of(bench, LIBRARIES)
    if there:
        content["support"], vendors = find_vendors(bench)
        content["vendors_found"] = vendors
    bench.write("preflight.json", content)
    content["pytorch"] = torch.result()
    bench.write("preflight.json", content)
    for name, row in {**content["libraries"], "pytorch": content["pytorch"]}.items():
        bench.say(f"{name}: {row}")
    if not there:
        return False
    if bench.cuda() and not vendors and not bench.args.without_vendor:
        bench.fail("the vendor's engines do not all run here; put cuDNN 9 and cuBLASLt on "
                   "LD_LIBRARY_PATH, or give --without-vendor:\n" + "\n".join(content["support"]))
        return False
    return True
