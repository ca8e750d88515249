# SPDX-License-Identifier: Apache-2.0
# The suite without an operating system: one image, which a machine starts on its bare CPUs. It is built by the compiler
# of the cross build, with that compiler's headers and libgcc and no other library: whatever the image needs besides is
# in runner/bare/ and arch/NAME/boot/.
set(boot ${CMAKE_SOURCE_DIR}/arch/${CMODX_ARCHITECTURE}/boot)
if(NOT EXISTS ${boot}/image.ld)
  return()
endif()
enable_language(ASM)

file(GLOB bare CONFIGURE_DEPENDS cases/*.cpp cases/bare/*.cpp runner/engine/*.cpp runner/bare/*.cpp ${boot}/*.cpp ${boot}/*.S)
list(APPEND bare runner/catalogue.cpp runner/judge.cpp runner/names.cpp runner/record.cpp runner/run.cpp)
add_executable(cmodx_bare ${bare})
include(${boot}/options.cmake)
target_link_libraries(cmodx_bare PRIVATE cmodx_options)
target_include_directories(cmodx_bare PRIVATE arch/${CMODX_ARCHITECTURE})
target_compile_definitions(cmodx_bare PRIVATE FMT_HEADER_ONLY FMT_STATIC_THOUSANDS_SEPARATOR=0 NDEBUG)
target_compile_options(cmodx_bare PRIVATE -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
  -ffunction-sections -fdata-sections ${bare_options}
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit>)
# Loops of memcpy must not become calls of memcpy.
set_source_files_properties(runner/bare/support.cpp PROPERTIES COMPILE_OPTIONS "-fno-builtin;-fno-tree-loop-distribute-patterns")
set_source_files_properties(runner/bare/trap.cpp runner/bare/calls.cpp ${boot}/machine.cpp PROPERTIES COMPILE_OPTIONS "${bare_trap_options}")
target_link_options(cmodx_bare PRIVATE -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none
  -Wl,-T,${boot}/image.ld -Wl,--no-warn-rwx-segments)
# Of the C++ library only the balancing of trees, which calls nothing: all else is defined in runner/bare/support.cpp, and
# what would pull in more does not link.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.a OUTPUT_VARIABLE library OUTPUT_STRIP_TRAILING_WHITESPACE)
target_link_libraries(cmodx_bare PRIVATE ${library} -lgcc)
set_target_properties(cmodx_bare PROPERTIES LINK_DEPENDS ${boot}/image.ld)
