# inkwell_embed_text(<target> <namespace> <file>...): each file becomes `inline constexpr std::string_view k<CamelName>` in
# namespace <namespace>, in the generated header <target>_texts.hpp; a Lua script or a page is then bytes in the binary.
function(inkwell_embed_text target namespace)
  set(header ${PROJECT_BINARY_DIR}/generated/${target}_texts.hpp)
  set(inputs)
  foreach(file IN LISTS ARGN)
    list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DOUT=${header} -DNAMESPACE=${namespace} "-DFILES=${inputs}"
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedTextScript.cmake
    DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/cmake/EmbedTextScript.cmake VERBATIM)
  add_custom_target(${target}_texts DEPENDS ${header})  # by itself too: clang-tidy needs it without a build
  add_dependencies(${target} ${target}_texts)
  set_property(GLOBAL APPEND PROPERTY INKWELL_TEXTS ${target}_texts)
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
