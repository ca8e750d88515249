# SPDX-License-Identifier: Apache-2.0
# Writes version.hpp, at the configuration, and in every build before cmodx_version's dependents: only if it has to
# change, so that what is up to date stays so. Errata go by commits, which a tag would hide. Only this folder's own
# repository is asked, whoever owns it: one around it has other commits.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH root)
execute_process(COMMAND git --git-dir=${root}/.git --work-tree=${root} describe --always --dirty --abbrev=12 --exclude "*"
                OUTPUT_VARIABLE CMODX_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CMODX_COMMIT)
  set(CMODX_COMMIT unknown)
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.hpp.in ${CMAKE_BINARY_DIR}/generated/version.hpp @ONLY)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  add_custom_target(cmodx_version
    COMMAND ${CMAKE_COMMAND} -DPROJECT_VERSION=${PROJECT_VERSION} -P ${CMAKE_CURRENT_LIST_FILE}
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version.hpp
    COMMENT "Asking git for the commit" VERBATIM)
endif()
