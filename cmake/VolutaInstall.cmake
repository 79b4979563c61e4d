# `cmake --install`: libvoluta, its public headers, and a package for find_package(voluta).
include(CMakePackageConfigHelpers)
install(TARGETS voluta EXPORT voluta_targets)
if(BUILD_SHARED_LIBS AND TARGET voluta_cli)  # the binary finds its library wherever the prefix is moved
  file(RELATIVE_PATH from_binary ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(voluta_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${from_binary}")
endif()
# Internal to their folders; no other header includes them (tests/architecture).
set(internal_headers cuda_tensor_map fault_injector fixed reads decompress safetensors_header digit_strokes)
list(JOIN internal_headers "|" internal_names)
foreach(folder core layers models io train)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta
    FILES_MATCHING PATTERN "*.h" REGEX "/(${internal_names})\\.h$" EXCLUDE)
endforeach()
# Of kernels/, the declaration of each op and what these need; engines are internal.
install(FILES ${PROJECT_SOURCE_DIR}/kernels/registry.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta/kernels)
install(FILES ${PROJECT_SOURCE_DIR}/kernels/common/geometry.h ${PROJECT_SOURCE_DIR}/kernels/common/prologue.h
  ${PROJECT_SOURCE_DIR}/kernels/common/pixel_normalization.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta/kernels/common)
file(GLOB rooms RELATIVE ${PROJECT_SOURCE_DIR}/kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*)
foreach(room IN LISTS rooms)
  if(EXISTS ${PROJECT_SOURCE_DIR}/kernels/${room}/${room}.h)
    install(FILES ${PROJECT_SOURCE_DIR}/kernels/${room}/${room}.h
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta/kernels/${room})
  endif()
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/voluta.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/voluta)
install(EXPORT voluta_targets NAMESPACE voluta:: FILE volutaTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/volutaConfig.cmake.in
  ${PROJECT_BINARY_DIR}/volutaConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/volutaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/volutaConfig.cmake ${PROJECT_BINARY_DIR}/volutaConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindOneDNN.cmake
  DESTINATION ${package_folder})
