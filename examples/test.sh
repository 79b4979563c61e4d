#!/usr/bin/env bash
# Installs a finished build into a temporary prefix, moves that, builds the examples against it as a
# user would, and runs them; and configures a project that has this one inside: examples/test.sh BUILD_FOLDER
set -euo pipefail
build=$(realpath "$1")
examples=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/as installed" >"$scratch/install.log"
mv "$scratch/as installed" "$scratch/pre fix"
cmake -S "$examples" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$scratch/pre fix" >"$scratch/configure.log"
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
"$scratch/pre fix/bin/voluta" devices >/dev/null

# As part of another project: it gets the library, keeps its own settings, and installs both where it asks for that.
mkdir "$scratch/parent"
cat >"$scratch/parent/CMakeLists.txt" <<TEXT
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES CXX)
enable_testing()
add_subdirectory("$(dirname "$examples")" voluta)
if(CMAKE_BUILD_TYPE OR CMAKE_MODULE_PATH OR TARGET voluta_cli OR TARGET core_tests)
  message(FATAL_ERROR "voluta changed the project that it is part of")
endif()
add_executable(app "$examples/forward.cpp")
target_link_libraries(app PRIVATE voluta::voluta)
add_library(layer INTERFACE)
target_link_libraries(layer INTERFACE voluta::voluta)
install(TARGETS layer EXPORT layers)
install(EXPORT layers DESTINATION lib/cmake/layers)
TEXT
env -u CMAKE_BUILD_TYPE cmake -S "$scratch/parent" -B "$scratch/parent/build" -G Ninja -DVOLUTA_CUDA=OFF \
  -DVOLUTA_INSTALL=ON >"$scratch/parent.log" || {
  echo "examples/test.sh: a project that has voluta inside cannot be configured" >&2
  exit 1
}
