# SPDX-License-Identifier: Apache-2.0
# The suite without an operating system: one image, which a machine starts on its bare CPUs. It is built by the compiler
# of the cross build, with that compiler's headers and libgcc and no other library: whatever the image needs besides is
# in runner/bare/ and arch/NAME/boot/.
set(boot ${CMAKE_SOURCE_DIR}/arch/${CMODX_ARCHITECTURE}/boot)
if(NOT CMAKE_CROSSCOMPILING OR NOT EXISTS ${boot})
  return()
endif()
enable_language(ASM)

# What brings the machine up is each image's own.
file(GLOB bare CONFIGURE_DEPENDS cases/*.cpp cases/bare/*.cpp runner/engine/*.cpp runner/bare/*.cpp)
list(APPEND bare cases/selftest/machine.cpp cases/selftest/vacuous.cpp)
list(APPEND bare runner/built.cpp runner/catalogue.cpp runner/judge.cpp runner/names.cpp runner/record.cpp runner/run.cpp)
add_library(cmodx_bare_suite OBJECT ${bare})
add_dependencies(cmodx_bare_suite cmodx_version)
set(CMODX_BARE_ARGUMENTS "run --budget quick" CACHE STRING "Arguments of a bare image where the machine hands none on")
set_source_files_properties(runner/bare/main.cpp PROPERTIES COMPILE_DEFINITIONS "CMODX_BARE_ARGUMENTS=\"${CMODX_BARE_ARGUMENTS}\"")
set(bare_script ${CMAKE_SOURCE_DIR}/runner/bare/image.ld)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.a OUTPUT_VARIABLE bare_library OUTPUT_STRIP_TRAILING_WHITESPACE)

# bare_options(OPTIONS … TRAPS …): of the compiler, for all, and besides for what runs in a trap: there an architecture
# either saves the floating-point registers that a call may change, or uses none.
function(bare_options)
  cmake_parse_arguments(with "" "" "OPTIONS;TRAPS" ${ARGN})
  target_link_libraries(cmodx_bare_suite PUBLIC cmodx_options)
  target_include_directories(cmodx_bare_suite PUBLIC arch/${CMODX_ARCHITECTURE})
  target_compile_definitions(cmodx_bare_suite PUBLIC FMT_HEADER_ONLY FMT_STATIC_THOUSANDS_SEPARATOR=0 NDEBUG)
  target_compile_options(cmodx_bare_suite PUBLIC -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
    -ffunction-sections -fdata-sections ${with_OPTIONS}
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit>)
  # Loops of memcpy must not become calls of memcpy.
  set_source_files_properties(runner/bare/support.cpp PROPERTIES COMPILE_OPTIONS "-fno-builtin;-fno-tree-loop-distribute-patterns")
  file(GLOB traps ${boot}/*.cpp)
  set_source_files_properties(runner/bare/trap.cpp runner/bare/calls.cpp ${traps} PROPERTIES COMPILE_OPTIONS "${with_TRAPS}")
endfunction()

# bare_image(NAME ADDRESS FILE…): linked to begin there, with the files of arch/NAME/boot/ that bring the machine up.
function(bare_image name address)
  list(TRANSFORM ARGN PREPEND ${boot}/ OUTPUT_VARIABLE files)
  add_executable(${name} ${files})
  target_link_libraries(${name} PRIVATE cmodx_bare_suite)
  target_link_options(${name} PRIVATE -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none
    -Wl,-T,${bare_script} -Wl,--defsym=cmodx_image_begin=${address} -Wl,--no-warn-rwx-segments)
  # Of the C++ library only the balancing of trees, which calls nothing: all else is defined in runner/bare/support.cpp,
  # and what would pull in more does not link.
  target_link_libraries(${name} PRIVATE ${bare_library} -lgcc)
  set_target_properties(${name} PROPERTIES LINK_DEPENDS ${bare_script})
endfunction()

include(${boot}/images.cmake)
