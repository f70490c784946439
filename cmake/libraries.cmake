# The libraries of Debian that the rooms use (tools/packages.txt says which package has which, and why).
if(CMAKE_CROSSCOMPILING)
  # The compiled libraries here are for another machine. The rooms of a cross build need fmt only, and its headers do.
  add_library(fmt::fmt INTERFACE IMPORTED)
  target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY=1)
  return()
endif()
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
