# Gives each isa/<name>.cc the flags of its row in list.h; drops those of other architectures from the build.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/list.h)
file(READ ${CMAKE_CURRENT_LIST_DIR}/list.h text)
string(REPLACE ";" " " text "${text}")
string(REGEX MATCHALL "HEARTH_ISA_ROW\\([a-z0-9_]+, [a-z0-9_]+, [^\"\n]+\"[^\"\n]*\"\\)" rows "${text}")
foreach(row IN LISTS rows)
  string(REGEX MATCH "HEARTH_ISA_ROW\\(([a-z0-9_]+), ([a-z0-9_]+), [^\"]+\"([^\"]*)\"\\)" unused "${row}")
  set(isa_name ${CMAKE_MATCH_1})
  set(isa_arch ${CMAKE_MATCH_2})
  set(isa_flags "${CMAKE_MATCH_3}")
  set(isa_file ${CMAKE_CURRENT_LIST_DIR}/${isa_name}.cc)
  if(isa_arch STREQUAL any OR CMAKE_SYSTEM_PROCESSOR STREQUAL isa_arch)
    separate_arguments(isa_flags)
    # -O3: these files are loops; -fno-math-errno lets rint and sqrt become instructions. g++ 12
    # takes its own headers' _mm512_undefined for an uninitialized use.
    list(APPEND isa_flags -fno-math-errno -fno-trapping-math)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
      list(APPEND isa_flags -Wno-uninitialized -Wno-maybe-uninitialized)
    endif()
    # Under sanitizers the vector kernels keep address checks, but not those of undefined behaviour,
    # and less optimization: else each of them compiles for minutes. The scalar kernels have both.
    if(NOT HEARTH_SANITIZE)
      list(APPEND isa_flags -O3)
    elseif(NOT isa_name STREQUAL scalar)
      list(APPEND isa_flags -O1 -fno-sanitize=undefined)
    endif()
    set_source_files_properties(${isa_file} TARGET_DIRECTORY backend
      PROPERTIES COMPILE_OPTIONS "${isa_flags}")
  else()
    set_source_files_properties(${isa_file} TARGET_DIRECTORY backend PROPERTIES HEADER_FILE_ONLY ON)
  endif()
endforeach()
