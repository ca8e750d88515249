# SPDX-License-Identifier: Apache-2.0
# Every test of `cmodx list` becomes one CTest test, when the executable has been built.
set(discovered ${CMAKE_BINARY_DIR}/suite_tests.cmake)
file(GLOB discovery_reads CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ci/machines/*.toml ${CMAKE_SOURCE_DIR}/ci/cmodx_ci/*.py
     ${CMAKE_SOURCE_DIR}/results/*/expected.toml)
add_custom_command(
  OUTPUT ${discovered}
  COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/ci/discover --machine ${CMODX_MACHINE} --output ${discovered} --
          ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:cmodx>
  DEPENDS cmodx ${CMAKE_SOURCE_DIR}/ci/discover ${discovery_reads}
  COMMENT "Discovering the tests of the suite"
  VERBATIM)
add_custom_target(cmodx_discovery ALL DEPENDS ${discovered})
set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${discovered})

# The suite on trial. A hang costs its limit and a run that sees nothing its patience, so those are made short; the
# others have what every test has.
function(selftest what)
  add_test(NAME selftest.${what} COMMAND cmodx run selftest.${what}.* --budget quick ${ARGN})
  set_tests_properties(selftest.${what} PROPERTIES LABELS selftest TIMEOUT 120 RUN_SERIAL TRUE)
endfunction()
if(NOT CMODX_SANITIZE)
  selftest(hang --time-scale 0.05)
  selftest(vacuous --time-scale 0.05)
  foreach(what end record resource machine)
    selftest(${what})
  endforeach()
endif()
