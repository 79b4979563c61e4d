#!/usr/bin/env bash
# Sets up, builds and tests everything: scripts/test.sh [--all]
#   release          the test programs, the library and CUDA where nvcc is found; format,
#                    architecture, the command line, an installed library linked by an example
#   asan, tsan       the emulator, files, memory and graphs, and every n-th kernel problem, run by simt/
#   --all            the slow sweeps too (hours)
# Goes on after a failed phase, so that one run tells all; exits 1 if any failed. A test program run
# alone: build/release/tests/kernel_tests --gtest_filter=..., VOLUTA_PROBLEM='conv2d ...'.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The emulator takes minutes for what a CPU does in seconds: half of its problems waits for --all.
selection=(-L quick -E '^kernel_simt_tests\.[23]$')
case ${1:-} in
  '') ;;
  --all) selection=(-L 'quick|slow') ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

jobs=$(nproc)
# Sanitized kernel and model tests take a share; the release build takes every problem. A barrier
# costs some 50 ns in the release build, and some 10 us under TSan.
sanitized_targets=(simt_tests instruction_simt_tests io_simt_tests core_simt_tests graph_simt_tests
  kernel_simt_tests models_simt_tests)

report=build/test-report
rm -rf "$report"
mkdir -p "$report"
failed=()

phase() {  # phase NAME COMMAND...
  local name=$1 begin=$SECONDS status
  shift
  echo "=== $name"
  "$@"
  status=$?
  printf '=== %s: %s, %d s\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FAILED)" \
    $((SECONDS - begin)) | tee -a "$report/phases.txt"
  [ $status -eq 0 ] || failed+=("$name")
  return $status
}

# Prints what the compiler has to say, not a line for each of some hundred files.
build() {  # build PRESET TARGET...
  local log=$report/build-$1.log status=0
  NINJA_STATUS='[%f/%t %es] ' scripts/build.sh "$@" >"$log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    grep 'warning:' "$log" | sort -u | cut -c 1-200 | head -n 20
  else
    grep -vE '^\[[0-9]+/[0-9]+ ' "$log" | tail -n 200
  fi
  return $status
}

run_ctest() {  # run_ctest PRESET CTEST-ARGUMENT...
  local preset=$1
  shift
  # Tests run side by side, so each keeps to one thread. (nproc obeys OMP_NUM_THREADS: not global.)
  OMP_NUM_THREADS=1 ctest --test-dir "build/$preset" --parallel "$jobs" --no-tests=error \
    --output-on-failure --test-output-size-passed 100000 --test-output-truncation tail \
    --output-junit "$PWD/$report/$preset.xml" "$@"
}

sanitized_phase() {  # sanitized_phase PRESET SHARDS SHARD..., those that are taken of so many
  local preset=$1 shards=$2
  shift 2
  local share
  share=$(IFS='|' && echo "$*")
  VOLUTA_CMAKE_ARGS="-DVOLUTA_TEST_SHARDS=$shards -DVOLUTA_BUILD_TOOLS=OFF" \
    phase "$preset build" build "$preset" "${sanitized_targets[@]}" || return
  phase "$preset tests" run_ctest "$preset" \
    -R "^(simt_tests|(instruction|io|core|graph)_simt_tests|(kernel|models)_simt_tests\.($share))$"
}

phase setup scripts/setup.sh || exit 1
phase format scripts/check_format.sh
if phase 'release build' build release all; then
  phase 'release tests' run_ctest release "${selection[@]}"
fi
sanitized_phase asan 80 0 1
sanitized_phase tsan 100 5  # a share without the largest problems: TSan takes twenty times as long

echo "=== phases"
cat "$report/phases.txt"
[ ${#failed[@]} -eq 0 ] || printf 'FAILED: %s\n' "${failed[@]}"
python3 scripts/count_tests.py "$report" "${#failed[@]}"
