#!/usr/bin/env bash
# Fails on a C++ or CUDA file that clang-format 14 would change; --fix changes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

format=
for candidate in clang-format-14 clang-format; do
  if command -v $candidate >/dev/null && $candidate --version | grep -q 'version 14\.'; then
    format=$candidate
    break
  fi
done
if [ -z "$format" ]; then
  echo "check_format: clang-format 14 was not found: install clang-format-14, or run" >&2
  echo "  pip install clang-format==14.0.6" >&2
  exit 1
fi

mode=(--dry-run --Werror)
[ "${1:-}" = --fix ] && mode=(-i)
find core kernels layers models io train judge tools simt tests examples -name build -prune -o \
  -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -r -n 8 -P "$(nproc)" "$format" "${mode[@]}"
