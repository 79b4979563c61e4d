# VOLUTA_CUDA defaults to ON where nvcc is found. Asked for and not to be had is an error: the build
# never falls back in silence.
find_program(VOLUTA_NVCC nvcc HINTS $ENV{CUDACXX} $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
if(VOLUTA_NVCC)
  option(VOLUTA_CUDA "Build the CUDA device" ON)
else()
  option(VOLUTA_CUDA "Build the CUDA device" OFF)
endif()

if(VOLUTA_CUDA)
  if(NOT VOLUTA_NVCC)
    message(FATAL_ERROR "VOLUTA_CUDA=ON, but nvcc was not found. Install the CUDA toolkit (12.4 or "
      "newer), put nvcc on PATH or set CUDACXX, or configure with -DVOLUTA_CUDA=OFF.")
  endif()
  set(CMAKE_CUDA_COMPILER ${VOLUTA_NVCC} CACHE FILEPATH "")
  # The chips this project is tuned for, and PTX for what comes after. `native` fails without a GPU.
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "80-real;90a-real;90-virtual" CACHE STRING "CUDA architectures")
  endif()
  enable_language(CUDA)
  # Hopper's copies and products of tensors exist for sm_90a alone: a plain 90, which `native` means too, would
  # leave those kernels out.
  if(CMAKE_CUDA_ARCHITECTURES STREQUAL native)
    set(CMAKE_CUDA_ARCHITECTURES ${CMAKE_CUDA_ARCHITECTURES_NATIVE})
  endif()
  list(TRANSFORM CMAKE_CUDA_ARCHITECTURES REPLACE "^90(-real)?$" "90a\\1")
  find_package(CUDAToolkit 12.4 REQUIRED)

  # CMake 3.25 does not know that nvcc 12 and later speak C++20.
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION OR CMAKE_CUDA20_STANDARD_COMPILE_OPTION STREQUAL "")
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
endif()
