#!/usr/bin/env bash
# Installs a finished build into a temporary prefix, builds the examples against it as a user
# would, and runs them: examples/test.sh BUILD_FOLDER
set -euo pipefail
build=$(realpath "$1")
examples=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log"
cmake -S "$examples" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$scratch/prefix" >"$scratch/configure.log"
# The repository is out of reach of these programs: only installed headers are seen.
if grep -q "$build/include" "$scratch/build/build.ninja"; then
  echo "examples/test.sh: the examples include from the build folder, not from the install" >&2
  exit 1
fi
cmake --build "$scratch/build"
lines=$("$scratch/build/forward" | wc -l)
[ "$lines" -eq 10 ] || {
  echo "examples/test.sh: forward printed $lines logits, not 10" >&2
  exit 1
}
"$scratch/build/own_network" 1
