#!/usr/bin/env bash
# Tests and measures Voluta on this machine's GPU from a bundle made by scripts/gpu/pack.sh, and
# writes JSON into $OUT (default: results/ here): run.sh [--device cuda] [--budget SECONDS]
# Exit codes: 0 all right, 1 a test failed, 3 no GPU (--device cpu is a dry run without one).
# From a checkout it uses build/gpu-bundle. Changes no setting of the GPU.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
bundle=$here
[ -d "$bundle/bin" ] || bundle=$(realpath -m "$here/../../build/gpu-bundle")
[ -d "$bundle/bin" ] || {
  echo "run: no binaries in $bundle; make them with scripts/gpu/pack.sh" >&2
  exit 1
}
export OUT=${OUT:-$PWD/results}
mkdir -p "$OUT"
export VOLUTA_TESTS=$bundle/tests PYTHONUNBUFFERED=1
python3 "$bundle/measure.py" "$bundle" "$@" 2>&1 | tee "$OUT/log.txt"
