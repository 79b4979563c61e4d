#!/usr/bin/env bash
# Every step of the ladder under simt on small problems, and the table that is made of a run:
# examples/ladder/test.sh LADDER-SIMT
# VOLUTA_SIMT_SEED chooses the order of threads.
set -euo pipefail
ladder=$(realpath "$1")
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Fewer pixels than a tile; pixels that end within a tile; several tiles of filters and pixels.
for problem in n1h3w5c64k128 n2h9w11c128k128 n3h10w9c64k256; do
  "$ladder" "conv2d ${problem}r3s3p1 bf16" --json "$scratch/ladder.json" | tee "$scratch/table"
  [ "$(grep -c ' right$' "$scratch/table")" -eq 10 ] || {
    echo "test: not all steps were run" >&2
    exit 1
  }
done

# A run that was not timed leaves the table as "never run on hardware"; its rows are the steps.
cp "$root/kernels/conv2d/README.md" "$scratch/README.md"
python3 "$root/scripts/gpu/ladder.py" "$scratch/ladder.json" --readme "$scratch/README.md"
grep -q 'never run on hardware' "$scratch/README.md"
for step in "$root"/examples/ladder/0*.cu; do
  grep -q "| $(basename "$step" .cu) |" "$scratch/README.md"
done

status=0
"$ladder" --samples none 2>/dev/null || status=$?
[ "$status" -eq 2 ]
