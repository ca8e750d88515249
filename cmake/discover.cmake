# SPDX-License-Identifier: Apache-2.0
# What an executable lists becomes tests of CTest, when it has been built: each test of the suite one; of a subject's
# scenarios those that are known to fail one each, and the others one together.
file(GLOB discovery_reads CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ci/machines/*.toml ${CMAKE_SOURCE_DIR}/ci/cmodx_ci/*.py
     ${CMAKE_SOURCE_DIR}/results/*/expected.toml)
function(discover target)
  set(discovered ${CMAKE_BINARY_DIR}/${target}_tests.cmake)
  add_custom_command(
    OUTPUT ${discovered}
    COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/ci/discover --machine ${CMODX_MACHINE} --output ${discovered} --
            ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${target}>
    DEPENDS ${target} ${CMAKE_SOURCE_DIR}/ci/discover ${discovery_reads}
    COMMENT "Discovering the tests of ${target}"
    VERBATIM)
  add_custom_target(${target}_discovery ALL DEPENDS ${discovered})
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${discovered})
endfunction()
discover(cmodx)

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
