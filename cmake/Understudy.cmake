# The one place for the language level, warnings, sanitizers and the versions of what we link.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(UNDERSTUDY_WITH_CAF "Build what needs CAF: actors, cli (off under the thread sanitizer)" ON)
option(UNDERSTUDY_UNITY "Compile what uses CAF five files at a time: half of a file's cost is headers (off for clang-tidy)" ON)
set(UNDERSTUDY_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>) # without it ccache can't keep what uses one
endif()

add_library(understudy_options INTERFACE)
target_include_directories(understudy_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(understudy_options INTERFACE
  SPDLOG_FMT_EXTERNAL BOOST_TEST_DYN_LINK UNDERSTUDY_VERSION="${PROJECT_VERSION}")
target_compile_options(understudy_options INTERFACE
  -Wall -Wextra -Wconversion -Werror -fno-omit-frame-pointer)
target_link_options(understudy_options INTERFACE -fuse-ld=mold)
if(UNDERSTUDY_SANITIZE)
  # No vptr check: it wants the type information of SOCI's backends, which their library keeps to itself.
  target_compile_options(understudy_options INTERFACE
    -fsanitize=${UNDERSTUDY_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr)
  target_link_options(understudy_options INTERFACE -fsanitize=${UNDERSTUDY_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json unit_test_framework)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

# Debian ships neither CMake nor pkg-config files for these two.
function(understudy_import name)
  cmake_parse_arguments(arg "" "" "LIBRARIES;INCLUDES" ${ARGN})
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  foreach(library IN LISTS arg_LIBRARIES)
    find_library(found_${library} ${library} REQUIRED)
    target_link_libraries(${name} INTERFACE ${found_${library}})
  endforeach()
  target_include_directories(${name} SYSTEM INTERFACE ${arg_INCLUDES})
endfunction()
understudy_import(understudy::soci LIBRARIES soci_mysql soci_core INCLUDES ${MARIADB_INCLUDE_DIRS})
understudy_import(understudy::caf LIBRARIES caf_core caf_io caf_openssl)

# Precompiled headers, each made once and not once a target: what nearly every file includes, and that with the
# headers of CAF or of Boost.Test for those that use them.
function(understudy_precompile name)
  add_library(understudy_precompiled_${name} OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
  target_link_libraries(understudy_precompiled_${name} PRIVATE understudy_options fmt::fmt)
  target_precompile_headers(understudy_precompiled_${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp ${ARGN})
endfunction()
understudy_precompile(base)
understudy_precompile(test <boost/test/unit_test.hpp>)
target_link_libraries(understudy_precompiled_test PRIVATE Boost::unit_test_framework)
# Tests are compiled more often than they run: -O0 takes 40% less than a preset's -O1 or -O2, 60% less under a sanitizer,
# with their header made alike.
set(understudy_test_speed -O0)
target_compile_options(understudy_precompiled_test PRIVATE ${understudy_test_speed})
if(UNDERSTUDY_WITH_CAF)
  understudy_precompile(caf <caf/all.hpp>)
endif()

function(understudy_use_precompiled target)
  cmake_parse_arguments(arg "" "PRECOMPILED" "" ${ARGN})
  if(NOT arg_PRECOMPILED)
    set(arg_PRECOMPILED base)
  endif()
  target_precompile_headers(${target} REUSE_FROM understudy_precompiled_${arg_PRECOMPILED})
endfunction()

# understudy_library(<name> [PRECOMPILED base|caf] SOURCES ... LINKS ...): one library a folder, with its arrows.
function(understudy_library name)
  cmake_parse_arguments(arg "" "PRECOMPILED" "SOURCES;LINKS" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC understudy_options fmt::fmt ${arg_LINKS})
    understudy_use_precompiled(${name} PRECOMPILED ${arg_PRECOMPILED})
    if(arg_PRECOMPILED STREQUAL caf)
      set_target_properties(${name} PROPERTIES UNITY_BUILD ${UNDERSTUDY_UNITY} UNITY_BUILD_BATCH_SIZE 5)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE understudy_options fmt::fmt ${arg_LINKS})
  endif()
endfunction()

# understudy_program(<name> [PRECOMPILED base|caf|test] SOURCES ... LINKS ...)
function(understudy_program name)
  cmake_parse_arguments(arg "" "PRECOMPILED" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  # -fPIC like the libraries, not -fPIE: the shared precompiled header must have been made with the same.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  if(arg_PRECOMPILED STREQUAL test)
    target_compile_options(${name} PRIVATE ${understudy_test_speed})
  endif()
  target_link_libraries(${name} PRIVATE understudy_options ${arg_LINKS})
  understudy_use_precompiled(${name} PRECOMPILED ${arg_PRECOMPILED})
endfunction()

# understudy_test(<name> LABEL unit|simulation|integration [TIMEOUT seconds] [BESIDE_OTHERS] SOURCES ... LINKS ...)
# An integration test has the machine for itself, unless nothing in it has to happen in time: BESIDE_OTHERS.
function(understudy_test name)
  cmake_parse_arguments(arg "BESIDE_OTHERS" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  understudy_program(${name} PRECOMPILED test SOURCES ${arg_SOURCES} LINKS ${arg_LINKS} understudy_test_main)
  target_compile_definitions(${name} PRIVATE UNDERSTUDY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite)
  if(NOT arg_TIMEOUT AND arg_LABEL STREQUAL integration)
    set(arg_TIMEOUT 600) # costs nothing while nothing hangs, and machines are slow
  elseif(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT})
  if(arg_LABEL STREQUAL integration AND NOT arg_BESIDE_OTHERS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
