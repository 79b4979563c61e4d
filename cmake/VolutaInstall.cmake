# `cmake --install`: libvoluta, its public headers, and a package for find_package(voluta).
include(CMakePackageConfigHelpers)
install(TARGETS voluta EXPORT voluta_targets)
foreach(folder core kernels layers models io train)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/voluta
    FILES_MATCHING PATTERN "*.h" PATTERN "ops.def"
    # Internal to kernels/: vendors' types, and engines that only their op's list names.
    PATTERN "onednn.h" EXCLUDE PATTERN "*_library.h" EXCLUDE PATTERN "*_engines.h" EXCLUDE)
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
