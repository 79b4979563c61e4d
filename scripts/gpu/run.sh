#!/usr/bin/env bash
# Tests and measures Voluta on this machine's GPU, from what scripts/gpu/pack.sh packed, and writes
# JSON into $OUT (default: results/ here): run.sh [--part first|second|all] [--budget SECONDS] ...
#   first   (290 s) preflight, PyTorch's baselines, every test program, the ladder
#   second  (480 s) voluta compare against cuDNN, torch.compile, LeNet-5's race; --tests tests.json
#   all     (570 s) both
# Exit codes: 0 all right, 1 something failed, 3 no GPU or no cuDNN (--without-vendor goes on;
# --device cpu is a dry run). measure.py --help tells the rest. In a checkout it unpacks
# build/gpu-bundle.tar.xz into a temporary folder. Changes no setting of the GPU.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")

# PyTorch's packages carry cuDNN and cuBLASLt; the folders that have them, with colons.
vendor_folders() {
  python3 - <<'PYTHON'
import glob, site, sys, sysconfig
roots = [sysconfig.get_paths()["purelib"], *site.getsitepackages(), *sys.path]
folders = []
for pattern in ("nvidia/*/lib", "torch/lib"):
    for root in filter(None, roots):
        folders += [f for f in sorted(glob.glob(f"{root}/{pattern}")) if f not in folders]
print(":".join(folders))
PYTHON
}

bundle=$here
if [ ! -d "$bundle/bin" ]; then
  archive=$here/../../build/gpu-bundle.tar.xz
  [ -e "$archive" ] || {
    echo "run: no bin/ in $here and no $archive; make it with scripts/gpu/pack.sh" >&2
    exit 1
  }
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  # tar asks a program for xz, Python has it built in.
  tar xJf "$archive" -C "$unpacked" 2>/dev/null || python3 -m tarfile -e "$archive" "$unpacked" >&2
  bundle=$unpacked/gpu-bundle
fi
export OUT=${OUT:-$PWD/results}
mkdir -p "$OUT"
folders=$(vendor_folders)
# Ours come first all the same: by DT_RPATH.
export LD_LIBRARY_PATH=$folders${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export VOLUTA_TESTS=$bundle/tests PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
echo "run: $bundle; LD_LIBRARY_PATH=$LD_LIBRARY_PATH" | tee "$OUT/log.txt"
python3 "$here/measure.py" "$bundle" "$@" 2>&1 | tee -a "$OUT/log.txt"
