# SPDX-License-Identifier: Apache-2.0
# hc_unit_test(NAME [SOURCES …] LIBS …): a CMocka program tests/unit/test_NAME.c, run by ctest as unit.NAME
function(hc_unit_test name)
	cmake_parse_arguments(arg "" "" "SOURCES;LIBS;INCLUDES" ${ARGN})
	add_executable(test_${name} ${CMAKE_SOURCE_DIR}/tests/unit/test_${name}.c ${arg_SOURCES})
	target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR} ${arg_INCLUDES})
	# Tests keep whole stores and messages on the stack: the limit is for what runs in production.
	target_compile_options(test_${name} PRIVATE -Wframe-larger-than=262144)
	target_link_libraries(test_${name} PRIVATE ${arg_LIBS} PkgConfig::cmocka)
	set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
	add_test(NAME unit.${name} COMMAND test_${name})
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 180 LABELS unit)
endfunction()
