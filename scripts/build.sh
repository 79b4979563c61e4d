#!/usr/bin/env bash
# Builds Voluta: scripts/build.sh [preset [target...]]
# Presets are those of CMakePresets.json; the default is `release`, whose binaries are
# build/release/voluta and build/release/voluta-simt. Without targets it builds these two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:-release}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(voluta_cli voluta_simt_cli)

# Another checkout of the same sources finds this one's objects in ccache.
export CCACHE_BASEDIR=$PWD

# The configure log matters when it fails; when it does not, one line is enough.
mkdir -p build
log=build/configure-$preset.log
if ! cmake --preset "$preset" ${VOLUTA_CMAKE_ARGS:-} >"$log" 2>&1; then
  cat "$log" >&2
  echo "build: configuring preset '$preset' failed; scripts/setup.sh installs what is missing" >&2
  exit 1
fi
cmake --build "build/$preset" --parallel "${VOLUTA_JOBS:-$(nproc)}" --target "${targets[@]}"
