#!/usr/bin/env bash
# Runs clang-tidy over the library: scripts/tidy.sh [file.cpp...]; without files, over all of them.
# Needs a configured build (scripts/build.sh). Not part of scripts/test.sh: it takes long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/release
[ -e $build/compile_commands.json ] || {
  echo "tidy: $build is not configured; run scripts/build.sh first" >&2
  exit 1
}
files=("$@")
[ ${#files[@]} -gt 0 ] ||
  mapfile -t files < <(find core kernels layers models io train judge tools -name '*.cpp')
# clang does not know g++'s warnings; the source is what is checked.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" \
  clang-tidy -p $build --quiet --extra-arg=-Wno-unknown-warning-option
