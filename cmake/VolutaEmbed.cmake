# voluta_embed(<target> <function> <file>...): std::span<const std::pair<std::string_view name,
# std::string_view text>> voluta::<function>(), a file each, named without folder and extension.
function(voluta_embed target function)
  string(REGEX REPLACE ".*::" "" name ${function})
  string(REGEX REPLACE "::?[^:]*$" "" scope voluta::${function})
  set(rows "")
  foreach(file IN LISTS ARGN)
    file(READ ${file} text)
    get_filename_component(stem ${file} NAME_WE)
    string(APPEND rows "    {\"${stem}\", R\"embedded(${text})embedded\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"#include <span>
#include <string_view>
#include <utility>

namespace ${scope} {

std::span<const std::pair<std::string_view, std::string_view>> ${name}() {
  static constexpr std::pair<std::string_view, std::string_view> kFiles[] = {
${rows}  };
  return kFiles;
}

}  // namespace ${scope}
")
  target_sources(${target} PRIVATE ${output})
endfunction()
