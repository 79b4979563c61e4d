#!/usr/bin/env bash
# From a fresh machine to a trained LeNet-5: scripts/train.sh [flag of `voluta train`...]
# Installs what is missing, builds, finds MNIST (or fetches it, or draws digits), trains and prints
# the accuracy on the test images. Weights and metrics are left in runs/lenet5, where they replace those
# of the last time, or in --output-dir, where a run stays unless --overwrite is given.
#   scripts/train.sh --epochs 2 --device cpu
#   scripts/train.sh --resume runs/lenet5
# MNIST is taken from --data-path, $VOLUTA_DATA/mnist, or ../shared/data/mnist or build/data/mnist of the checkout.
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
say() { echo "train: $*" >&2; }

output= data= resume=
flags=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      sed -n '2,8s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --output-dir | --data-path | --resume)
      [ $# -ge 2 ] || {
        say "$1 needs a folder"
        exit 2
      }
      case $1 in
        --output-dir) output=$2 ;;
        --data-path) data=$2 ;;
        --resume) resume=$2 ;;
      esac
      shift
      ;;
    --output-dir=*) output=${1#*=} ;;
    --data-path=*) data=${1#*=} ;;
    --resume=*) resume=${1#*=} ;;
    *) flags+=("$1") ;;
  esac
  shift
done
if [ -n "$resume" ]; then
  output=$resume
elif [ -z "$output" ]; then
  output=$root/runs/lenet5
  [ ! -e "$output/metrics.jsonl" ] || say "the run in $output is replaced; --output-dir keeps it"
  flags+=(--overwrite)
fi
voluta=$root/build/release/voluta
log=$root/build/train-build.log

has_mnist() {
  local file
  for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    [ -e "$1/$file-ubyte" ] || [ -e "$1/$file-ubyte.gz" ] || [ -e "$1/$file-ubyte.xz" ] || return 1
  done
}

# Sets `data` to a folder that holds the four files.
find_data() {
  local folder
  if [ -n "$data" ]; then
    say "data: $data"
    return
  fi
  for folder in ${VOLUTA_DATA:+"$VOLUTA_DATA/mnist"} "$root/../shared/data/mnist" \
    "$root/build/data/mnist"; do
    if has_mnist "$folder"; then
      data=$(realpath "$folder")
      say "data: MNIST in $data"
      return
    fi
  done
  say "MNIST is not here; downloading it"
  if python3 "$root/scripts/fetch_mnist.py" "$root/build/data/mnist"; then
    data=$root/build/data/mnist
    say "data: MNIST, downloaded to $data"
    return
  fi
  data=$root/build/data/digits
  say "data: no network, so digits drawn by 'voluta data make digits' in $data (not MNIST)"
  has_mnist "$data" || "$voluta" data make digits --output-dir "$data"
}

"$root/scripts/setup.sh"
mkdir -p "$root/build"
say "building build/release/voluta (log: build/train-build.log)"
"$root/scripts/build.sh" release voluta_cli >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  say "the build failed; see $log"
  exit 1
}
# In the caller's folder: paths in flags are the caller's.
if [ -n "$resume" ]; then
  "$voluta" train --resume "$output" ${data:+--data-path "$data"} ${flags[@]+"${flags[@]}"}
else
  find_data
  "$voluta" train --model lenet5 --data-path "$data" --output-dir "$output" \
    ${flags[@]+"${flags[@]}"}
fi
say "weights  $output/weights.safetensors"
say "metrics  $output/metrics.jsonl"
