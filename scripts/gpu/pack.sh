#!/usr/bin/env bash
# Packs what a GPU machine without internet, compiler or our packages needs to test and measure
# Voluta: scripts/gpu/pack.sh [BUILD-FOLDER]
# Leaves build/gpu-bundle/ and build/gpu-bundle.tar.xz, which scripts/gpu/run.sh unpacks there.
# Binaries are built for CUDA_ARCH (default 90a, Hopper), stripped, and look for their libraries
# beside themselves; all share one libvoluta.so, which is most of the size. Needs an x86-64 Linux
# with glibc 2.36 or newer, an NVIDIA driver and Python 3.11; for run.sh --device cpu, a dry run, no
# driver. VOLUTA_JOBS=1 builds with one job.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${1:-build/gpu}
bundle=build/gpu-bundle
archive=$bundle.tar.xz
# 64 MiB travel to a lent GPU machine; the tracked files, 6 MiB, go with them.
limit_mib=57
programs=(instruction_tests kernel_tests core_tests graph_tests layers_tests goldens_tests models_tests train_tests)

command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
# ladder has kernels of its own: one CUDA runtime serves it and libvoluta. An rpath of the old kind
# (DT_RPATH) also serves the libraries that libraries need.
# shellcheck disable=SC2016,SC2054  # $ORIGIN is the loader's, and so are the commas
options=(-DCMAKE_BUILD_TYPE=Release -DVOLUTA_CUDA=ON -DVOLUTA_BUILD_SIMT=OFF
  -DCMAKE_CUDA_ARCHITECTURES="${CUDA_ARCH:-90a}-real"
  -DBUILD_SHARED_LIBS=ON -DCMAKE_CUDA_RUNTIME_LIBRARY=Shared
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib'
  -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags
  -DCMAKE_SHARED_LINKER_FLAGS=-Wl,--disable-new-dtags)
export CCACHE_BASEDIR=$PWD  # another checkout's objects serve too
cmake -S . -B "$build" -G Ninja "${options[@]}"
cmake --build "$build" --parallel "${VOLUTA_JOBS:-$(nproc)}" --target voluta_cli ladder \
  "${programs[@]}"

rm -rf $bundle
mkdir -p $bundle/{bin,lib,tests}
for program in voluta ladder "${programs[@]}"; do
  found=$(find "$build" -type f -name "$program" -perm -u+x | head -n 1)
  strip -o $bundle/bin/"$program" "$found"
done
# By the names that programs ask for, which have their version.
soname() { objdump -p "$1" | awk '$1 == "SONAME" {print $2}'; }
library=$build/libvoluta.so
strip -o $bundle/lib/"$(soname "$library")" "$library"
runtime=$(sed -n 's/^CUDA_cudart_LIBRARY:FILEPATH=//p' "$build/CMakeCache.txt")
cp -L "$runtime" $bundle/lib/"$(soname "$runtime")"

# Shared libraries: all but the C and C++ runtimes, which every machine with a driver has.
ldd $bundle/bin/* >$bundle/ldd.txt
if grep 'not found' $bundle/ldd.txt >&2; then
  echo "pack: libraries are missing here" >&2
  exit 1
fi
awk '$2 == "=>" && $3 ~ /^\// {print $3}' $bundle/ldd.txt | sort -u | grep -v "/gpu-bundle/" |
  grep -vE '/(ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s)[.-]' |
  xargs -r cp -L -t $bundle/lib
rm $bundle/ldd.txt
cp -r tests/goldens $bundle/tests/goldens
cp scripts/gpu/*.py scripts/gpu/run.sh scripts/bench_epoch_torch.py $bundle/

# 12 MiB. Without them run.sh draws digits there.
for folder in ${VOLUTA_DATA:+"$VOLUTA_DATA/mnist"} ../shared/data/mnist build/data/mnist; do
  if [ -e "$folder/train-images-idx3-ubyte.gz" ]; then
    mkdir $bundle/data
    cp -r "$folder" $bundle/data/mnist
    chmod -R u+w $bundle/data/mnist
    break
  fi
done

cat >$bundle/manifest.json <<JSON
{"commit": "$(git describe --always --dirty 2>/dev/null || echo unknown)",
 "packed": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
 "architecture": "${CUDA_ARCH:-90a}",
 "nvcc": "$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"}
JSON
tar cf - -C build gpu-bundle | xz -T2 -6 >$archive
bytes=$(stat -c %s $archive)
echo "$archive: $(((bytes + 1048575) / 1048576)) MiB of $limit_mib that may travel beside the tree"
[ "$bytes" -le $((limit_mib << 20)) ] || {
  echo "pack: too large: 64 MiB travel, tracked files and archive together" >&2
  exit 1
}
