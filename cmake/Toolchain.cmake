# Language level, warnings, sanitizers, compiler cache and linker: everything that is the same for every target.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} is too old: Inkwell needs g++ 12 or newer (std::expected)")
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} is too old: Inkwell needs clang 19 or newer (it hides std::expected of libstdc++ before)")
endif()

# The options every target of ours is built with; one interface target, so that the precompiled header can be shared.
add_library(inkwell_options INTERFACE)
target_compile_options(inkwell_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wundef -Wimplicit-fallthrough -fno-omit-frame-pointer
  -fPIC)  # for libraries and programs alike, so that both can use one precompiled header
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside Boost, fmt and libstdc++ once they are inlined (into coroutines above all): known false positives, which
  # depend on the optimiser's mood. The sanitizers check for real what they claim to see.
  target_compile_options(inkwell_options INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-array-bounds -Wno-restrict -fcoroutines)
else()
  target_compile_options(inkwell_options INTERFACE -Wno-unused-command-line-argument)
endif()
target_compile_definitions(inkwell_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)
# What the precompiled header includes is linked by all: its macros must be the same everywhere or it cannot be shared.
target_link_libraries(inkwell_options INTERFACE Threads::Threads Boost::headers Boost::json Boost::url fmt::fmt)
target_include_directories(inkwell_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

if(INKWELL_SANITIZE)
  target_compile_options(inkwell_options INTERFACE -fsanitize=${INKWELL_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(inkwell_options INTERFACE -fsanitize=${INKWELL_SANITIZE})
  if(INKWELL_SANITIZE MATCHES "thread")
    # ThreadSanitizer cannot see through std::atomic_thread_fence, which Asio uses unless told not to.
    target_compile_definitions(inkwell_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    target_compile_options(inkwell_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()

if(INKWELL_FUZZ)
  # Everything is instrumented, or the precompiled header could not be shared.
  target_compile_options(inkwell_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(INKWELL_CCACHE ccache)
if(INKWELL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${INKWELL_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(inkwell_options INTERFACE -fpch-preprocess)
  else()
    target_compile_options(inkwell_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_program(INKWELL_LINKER NAMES mold ld.lld)
else()
  string(REGEX MATCH "^[0-9]+" INKWELL_CLANG_MAJOR ${CMAKE_CXX_COMPILER_VERSION})
  find_program(INKWELL_LINKER NAMES mold ld.lld-${INKWELL_CLANG_MAJOR})
endif()
if(INKWELL_LINKER MATCHES "mold$")
  add_link_options(-fuse-ld=mold)
elseif(INKWELL_LINKER)
  add_link_options(-fuse-ld=lld)
endif()
