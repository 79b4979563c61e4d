#!/usr/bin/env bash
# Sets up, builds and tests everything: scripts/test.sh [--all]
#   release          the test programs, the library and CUDA where nvcc is found; format,
#                    architecture, the command line, an installed library linked by an example
#   asan, tsan       the emulator, memory and every n-th kernel problem, run by simt/; asan files and graphs too
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

sanitized_phase() {  # sanitized_phase PRESET PROGRAMS SHARDS SHARD..., those that are taken of so many
  local preset=$1 programs=$2 shards=$3
  shift 3
  local share
  share=$(IFS='|' && echo "$*")
  # shellcheck disable=SC2086
  VOLUTA_CMAKE_ARGS="-DVOLUTA_TEST_SHARDS=$shards -DVOLUTA_BUILD_TOOLS=OFF" \
    phase "$preset build" build "$preset" ${programs//|/ } kernel_simt_tests models_simt_tests || return
  phase "$preset tests" run_ctest "$preset" \
    -R "^($programs|(kernel|models)_simt_tests\.($share))$"
}

phase setup scripts/setup.sh || exit 1
phase format scripts/check_format.sh
if phase 'release build' build release all; then
  phase 'release tests' run_ctest release "${selection[@]}"
fi
# Sanitized kernel and model tests take a share; the release build takes every problem. A barrier
# costs some 50 ns in the release build, and some 10 us under TSan.
programs='simt_tests|instruction_simt_tests|core_simt_tests'
sanitized_phase asan "$programs|io_simt_tests|graph_simt_tests" 80 0 1
sanitized_phase tsan "$programs" 100 5  # a share without the largest problems: TSan takes twenty times as long

echo "=== phases"
cat "$report/phases.txt"
[ ${#failed[@]} -eq 0 ] || printf 'FAILED: %s\n' "${failed[@]}"
python3 scripts/count_tests.py "$report" "${#failed[@]}"
