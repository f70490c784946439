# What belongs to the program beside its sources: the facts of `hearth version`, the man page and completions that
# the built program writes about itself, and where `cmake --install` puts everything.
include(GNUInstallDirs)

set(HEARTH_GIT_COMMIT unknown)
find_package(Git QUIET)
if(Git_FOUND)
  execute_process(
    COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0)
    set(HEARTH_GIT_COMMIT ${commit})
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/build_info.cc.in ${CMAKE_BINARY_DIR}/generated/build_info.cc @ONLY)
target_sources(app PRIVATE ${CMAKE_BINARY_DIR}/generated/build_info.cc)

# A cross-compiled program cannot write its documents here; it is installed without them.
if(NOT CMAKE_CROSSCOMPILING)
  set(documents ${CMAKE_BINARY_DIR}/share)
  add_custom_command(
    OUTPUT ${documents}/hearth.1 ${documents}/hearth.bash ${documents}/_hearth ${documents}/hearth.fish
    COMMAND ${CMAKE_COMMAND} -E make_directory ${documents}
    COMMAND hearth help --man > ${documents}/hearth.1
    COMMAND hearth completion bash > ${documents}/hearth.bash
    COMMAND hearth completion zsh > ${documents}/_hearth
    COMMAND hearth completion fish > ${documents}/hearth.fish
    DEPENDS hearth
    COMMENT "Writing the man page and the shell completions"
    VERBATIM)
  add_custom_target(documents ALL DEPENDS ${documents}/hearth.1)
  install(FILES ${documents}/hearth.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${documents}/hearth.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hearth)
  install(FILES ${documents}/_hearth DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${documents}/hearth.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(TARGETS hearth RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
