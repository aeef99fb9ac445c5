# The arrows of ARCHITECTURE.md, once: a layer, then the layers it may include. inkwell_layer() links by this table, and
# tools/layers reads the table inkwell_layers() writes and checks every #include against it (a link target alone cannot:
# it doesn't see a header). Folders of src/ are layers; include/inkwell/<layer>* belongs to the layer it is named after.
set(INKWELL_LAYERS
  "base:"
  "redis: base"
  "keyspace: base redis"
  "conversations: base redis keyspace"
  "events: base redis keyspace"
  "embeddings: base redis keyspace"
  "config: base"
  "telemetry: base"
  "embedded: base"
  "server: base redis keyspace conversations events embeddings config telemetry embedded"
  "cli: base redis keyspace conversations events embeddings config telemetry embedded server")
string(REPLACE ";" "\n" layers_text "${INKWELL_LAYERS}")
file(WRITE ${PROJECT_BINARY_DIR}/layers.txt "${layers_text}\n")

# inkwell_layer(<name> SOURCES <file>... [LIBRARIES <outside library>...]): one static library a layer.
function(inkwell_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(target inkwell_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_link_libraries(${target} PUBLIC inkwell_options ${ARG_LIBRARIES})
  foreach(row IN LISTS INKWELL_LAYERS)
    if(row MATCHES "^${name}:(.*)$")
      separate_arguments(below UNIX_COMMAND "${CMAKE_MATCH_1}")
      list(TRANSFORM below PREPEND inkwell_)
      target_link_libraries(${target} PUBLIC ${below})
      set(known TRUE)
    endif()
  endforeach()
  if(NOT known)
    message(FATAL_ERROR "layer '${name}' has no row in INKWELL_LAYERS (cmake/Layers.cmake)")
  endif()
  inkwell_use_pch(${target})
endfunction()

# One precompiled header for all: built once with the shared options, reused by every target.
function(inkwell_use_pch target)
  target_precompile_headers(${target} REUSE_FROM inkwell_pch)
endfunction()
