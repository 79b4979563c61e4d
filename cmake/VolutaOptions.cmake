option(BUILD_SHARED_LIBS "Build libvoluta as a shared library" OFF)
option(VOLUTA_BUILD_TOOLS "Build the voluta and voluta-simt binaries" ${PROJECT_IS_TOP_LEVEL})
option(VOLUTA_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(VOLUTA_BUILD_SIMT "Build the CUDA code for the CPU with simt/" ${PROJECT_IS_TOP_LEVEL})
option(VOLUTA_INSTALL "Install the library, its headers and its package" ${PROJECT_IS_TOP_LEVEL})
option(VOLUTA_PRECOMPILED_HEADERS "Parse what most files include once a target" OFF)
set(VOLUTA_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=: address,undefined or thread")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(VOLUTA_CCACHE ccache)
if(VOLUTA_CCACHE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${VOLUTA_CCACHE})
  if(VOLUTA_PRECOMPILED_HEADERS)  # what ccache asks for, to cache what uses them
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${VOLUTA_CCACHE})
endif()

# What every target of the project is compiled with. Contraction of a*b+c is off on the host: a
# reference must give the same bits on every x86-64, and SIMT kernels ask for fmaf where they mean it.
add_library(voluta_flags INTERFACE)
target_compile_options(voluta_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wno-missing-field-initializers -ffp-contract=off>
  # Loops marked for vector instructions are a wish; clang says of each that it did not grant. And it asks for
  # members of templates that another file instantiates to be declared so.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-pass-failed -Wno-undefined-var-template>
  $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)  # GCC bug 105651
if(VOLUTA_SANITIZE)
  # Optimising a test takes longer than running it: targets with VOLUTA_UNOPTIMIZED are not.
  target_compile_options(voluta_flags INTERFACE
    -fsanitize=${VOLUTA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -O$<IF:$<BOOL:$<TARGET_PROPERTY:VOLUTA_UNOPTIMIZED>>,0,1>)
  target_link_options(voluta_flags INTERFACE -fsanitize=${VOLUTA_SANITIZE})
endif()

# voluta_precompile(<target> [HEADER...]): half of what a sanitized build does is reading headers.
# Off in release builds, so that each file includes what it uses.
function(voluta_precompile target)
  if(VOLUTA_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} PRIVATE <voluta/core/graph/executor.h> <fmt/format.h>
      <algorithm> <functional> <map> <optional> <set> <sstream> ${ARGN})
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # for ccache
  endif()
endfunction()
