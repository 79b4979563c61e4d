#!/usr/bin/env bash
# Packs what a GPU machine without internet, compiler or our packages needs to test and measure
# Voluta: scripts/gpu/pack.sh [BUILD-FOLDER]
# Leaves build/gpu-bundle/ and build/gpu-bundle.tar.gz; there:
#   tar xzf gpu-bundle.tar.gz && OUT=results gpu-bundle/run.sh
# Binaries are built for CUDA_ARCH (default 90a, Hopper), stripped, and look for their libraries
# beside themselves. Needs an x86-64 Linux with glibc 2.36 or newer, an NVIDIA driver and Python 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${1:-build/gpu}
bundle=build/gpu-bundle
limit_mib=64
programs=(kernel_tests core_tests graph_tests goldens_tests models_tests train_tests)

command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
# An rpath of the old kind (DT_RPATH) also serves the libraries that libraries need.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DVOLUTA_CUDA=ON \
  -DCMAKE_CUDA_ARCHITECTURES="${CUDA_ARCH:-90a}-real" -DVOLUTA_BUILD_SIMT=OFF \
  -DCMAKE_BUILD_RPATH='$ORIGIN/../lib' -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags
cmake --build "$build" --target voluta_cli ladder "${programs[@]}"

rm -rf $bundle
mkdir -p $bundle/{bin,lib,tests,data}
for program in voluta ladder "${programs[@]}"; do
  found=$(find "$build" -type f -name "$program" -perm -u+x | head -n 1)
  strip -o $bundle/bin/"$program" "$found"
done

# Shared libraries: all but the C and C++ runtimes, which every machine with a driver has.
ldd $bundle/bin/* | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
  grep -vE '/(ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s)[.-]' |
  xargs -r cp -L -t $bundle/lib
[ ! -d tests/goldens ] || cp -r tests/goldens $bundle/tests/goldens
cp scripts/gpu/{run.sh,measure.py} scripts/bench_epoch_torch.py $bundle/
for folder in ${VOLUTA_DATA:+"$VOLUTA_DATA/mnist"} ../shared/data/mnist build/data/mnist; do
  if [ -e "$folder/train-images-idx3-ubyte.gz" ]; then
    cp -r "$folder" $bundle/data/mnist
    chmod -R u+w $bundle/data/mnist
    break
  fi
done
[ -d $bundle/data/mnist ] || $bundle/bin/voluta data make digits --output-dir $bundle/data/mnist

cat >$bundle/manifest.json <<JSON
{"commit": "$(git describe --always --dirty 2>/dev/null || echo unknown)",
 "packed": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
 "architecture": "${CUDA_ARCH:-90a}",
 "nvcc": "$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"}
JSON
tar czf $bundle.tar.gz -C build gpu-bundle
size=$(du -m $bundle.tar.gz | cut -f 1)
echo "$bundle.tar.gz: $size MiB"
[ "$size" -le $limit_mib ] || {
  echo "pack: larger than the $limit_mib MiB that travel to a lent GPU machine" >&2
  exit 1
}
