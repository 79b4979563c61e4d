# Two libraries from the same sources.
#   voluta       core, kernels, layers, models, io, train; CUDA code by nvcc where VOLUTA_CUDA is ON
#   voluta_simt  the same, with the CUDA code compiled by g++ against simt/
# Sources that do not depend on how CUDA code is compiled are compiled once, for both.
set(folders core kernels layers models io train)
set(cpp_globs "")
set(cu_globs "")
foreach(folder IN LISTS folders)
  list(APPEND cpp_globs ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  list(APPEND cu_globs ${PROJECT_SOURCE_DIR}/${folder}/*.cu)
endforeach()
file(GLOB_RECURSE cpp_sources CONFIGURE_DEPENDS ${cpp_globs})
file(GLOB_RECURSE cu_sources CONFIGURE_DEPENDS ${cu_globs})

# A root that would report errors in errno is no vector instruction.
set_source_files_properties(
  ${PROJECT_SOURCE_DIR}/kernels/local_response_norm/local_response_norm_openmp.cpp
  PROPERTIES COMPILE_OPTIONS -fno-math-errno SKIP_PRECOMPILE_HEADERS ON)

# One definition of linked_cuda_runtime() a binary.
set(cuda_runtime_sources ${PROJECT_SOURCE_DIR}/core/device/cuda_runtime.cpp
  ${PROJECT_SOURCE_DIR}/core/device/cuda_tensor_map.cpp)
set(no_cuda_runtime_source ${PROJECT_SOURCE_DIR}/core/device/no_cuda_runtime.cpp)
list(REMOVE_ITEM cpp_sources ${cuda_runtime_sources} ${no_cuda_runtime_source})

# Headers without a toolkit: engines that talk to the vendor's libraries see their headers only
# where the toolkit is installed; the libraries themselves are opened at run time.
function(voluta_common_properties target)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PRIVATE
    $<BUILD_INTERFACE:voluta_flags> fmt::fmt $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
    ZLIB::ZLIB LibLZMA::LibLZMA JPEG::JPEG PNG::PNG DNNL::dnnl OpenMP::OpenMP_CXX Threads::Threads
    ${CMAKE_DL_LIBS})
endfunction()

# How nvcc compiles the .cu of a target.
function(voluta_cuda_options target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -lineinfo -Xcompiler=-Wall>)
endfunction()

# Compiles .cu files of this tree by g++ against simt/. A .cu file has one language a directory, and
# here it is CUDA; so each gets a one-line .cpp. g++ tells of parameters of 128 bytes' alignment (TensorMap) that
# compilers before 4.6 passed otherwise.
function(voluta_add_simt_sources target)
  foreach(source IN LISTS ARGN)
    file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${source})
    set(wrapper ${PROJECT_BINARY_DIR}/simt/${relative}.cpp)
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include <voluta/${relative}>\n" @ONLY)
    target_sources(${target} PRIVATE ${wrapper})
    set_property(SOURCE ${wrapper} TARGET_DIRECTORY ${target}
      PROPERTY COMPILE_OPTIONS -Wno-unknown-pragmas -Wno-psabi)
  endforeach()
endfunction()

set(common_sources ${cpp_sources})
list(FILTER common_sources EXCLUDE REGEX "/kernels/")
set(portable_kernels ${cpp_sources})
list(FILTER portable_kernels INCLUDE REGEX "/kernels/.*_(reference|onednn|openmp)\\.cpp$")
list(APPEND common_sources ${portable_kernels})
list(REMOVE_ITEM cpp_sources ${common_sources})
add_library(voluta_common OBJECT ${common_sources})
voluta_common_properties(voluta_common)
voluta_precompile(voluta_common <nlohmann/json.hpp>)

add_library(voluta ${cpp_sources} $<TARGET_OBJECTS:voluta_common>)
add_library(voluta::voluta ALIAS voluta)
# Before 1.0 a minor version may change what programs were linked with.
set_target_properties(voluta PROPERTIES VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
voluta_common_properties(voluta)
if(VOLUTA_CUDA)
  target_sources(voluta PRIVATE ${cuda_runtime_sources} ${cu_sources})
  target_compile_definitions(voluta PRIVATE VOLUTA_WITH_CUDA=1)
  voluta_cuda_options(voluta)
  # A shared runtime serves programs with kernels of their own beside a shared libvoluta.
  if(CMAKE_CUDA_RUNTIME_LIBRARY STREQUAL "Shared")
    target_link_libraries(voluta PRIVATE CUDA::cudart)
  else()
    target_link_libraries(voluta PRIVATE CUDA::cudart_static)
  endif()
  target_include_directories(voluta PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
else()
  target_sources(voluta PRIVATE ${no_cuda_runtime_source})
endif()

if(VOLUTA_BUILD_SIMT)
  file(GLOB_RECURSE simt_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/simt/*.cpp)
  add_library(voluta_simt STATIC
    ${cpp_sources} ${simt_sources} $<TARGET_OBJECTS:voluta_common>)
  voluta_common_properties(voluta_simt)
  voluta_precompile(voluta_simt)
  target_compile_definitions(voluta_simt PUBLIC VOLUTA_SIMT=1 PRIVATE VOLUTA_WITH_CUDA=1)
  target_include_directories(voluta_simt BEFORE PUBLIC ${PROJECT_SOURCE_DIR}/simt/include)
  target_link_libraries(voluta_simt PRIVATE Boost::context)
  voluta_add_simt_sources(voluta_simt ${cu_sources})
endif()
