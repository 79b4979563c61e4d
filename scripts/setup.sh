#!/usr/bin/env bash
# Installs what Voluta needs to build and test itself, on Debian and Ubuntu; elsewhere it says what
# to install. Asks nothing, changes nothing where everything is present. The CUDA toolkit is not
# installed: with nvcc (12.4 or newer) on PATH or in /usr/local/cuda the build includes CUDA.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache          # tools
  python3 ca-certificates               # checks, download of MNIST
  libfmt-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev zlib1g-dev liblzma-dev
  libjpeg-dev libpng-dev                # pictures; libjpeg-turbo on Debian and Ubuntu
  libdnnl-dev                           # oneDNN: the CPU engines
  libboost-context-dev                  # simt/: one fiber per CUDA thread
  libgtest-dev                          # tests
)
format_package=clang-format-14          # later versions format differently

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
# True where version $1 is at least $2.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# A tool that is on PATH need not come from a package; the libraries' headers must.
present() {
  case $1 in
    g++ | cmake | ccache | python3) have "$1" || installed "$1" ;;
    ninja-build) have ninja || installed "$1" ;;
    *) installed "$1" ;;
  esac
}

install_with_apt() {
  local root=() missing=() package
  for package in "${packages[@]}"; do present "$package" || missing+=("$package"); done
  have clang-format-14 || (have clang-format && clang-format --version | grep -q 'version 14\.') ||
    missing+=("$format_package")
  [ ${#missing[@]} -gt 0 ] || return 0
  # Releases without clang-format 14: scripts/check_format.sh says what to do, all else works.
  if [ "${missing[*]}" = "$format_package" ] && [ -n "$(apt-cache madison g++ 2>/dev/null)" ] &&
    [ -z "$(apt-cache madison "$format_package")" ]; then
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    have sudo || {
      say "missing: ${missing[*]}; as root run: apt-get install ${missing[*]}"
      exit 1
    }
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${root[@]}" apt-get update -qq >&2
  if [ -z "$(apt-cache madison "$format_package" 2>/dev/null)" ]; then
    missing=("${missing[@]/$format_package/}")
  fi
  # shellcheck disable=SC2068  # an emptied element must vanish
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends ${missing[@]} >&2
}

explain_elsewhere() {
  local tool missing=()
  for tool in g++ cmake ninja python3; do have "$tool" || missing+=("$tool"); done
  cat >&2 <<'TEXT'
setup: this system has no apt-get; install with its package manager (CMake names what is missing):
  Fedora  gcc-c++ cmake ninja-build ccache fmt-devel json-devel cli11-devel tomlplusplus-devel zlib-devel xz-devel
          libjpeg-turbo-devel libpng-devel onednn-devel boost-devel gtest-devel clang-tools-extra
  Arch    gcc cmake ninja ccache fmt nlohmann-json cli11 tomlplusplus zlib xz libjpeg-turbo libpng onednn boost
          gtest clang
  other   g++ >= 12, CMake >= 3.25, Ninja, fmt, nlohmann-json, CLI11, toml++, zlib, liblzma, libjpeg-turbo,
          libpng, oneDNN, Boost.Context, GoogleTest, clang-format 14
TEXT
  if [ ${#missing[@]} -gt 0 ]; then
    say "not found: ${missing[*]}"
    exit 1
  fi
}

check_versions() {
  local cmake_version gcc_version
  cmake_version=$(cmake --version | sed -n '1s/[^0-9]*//p')
  gcc_version=$(g++ -dumpfullversion)
  at_least "$cmake_version" 3.25 || {
    say "CMake $cmake_version is too old, 3.25 is needed: pip install 'cmake>=3.25'"
    exit 1
  }
  at_least "$gcc_version" 12 || {
    say "g++ $gcc_version is too old, 12 is needed"
    exit 1
  }
}

if have apt-get; then install_with_apt; else explain_elsewhere; fi
check_versions
