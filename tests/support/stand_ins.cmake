# SPDX-License-Identifier: Apache-2.0
# Keys and cards made of software. None is installed.
function(hc_support_program name)
	cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
	add_executable(${name} ${arg_SOURCES})
	target_link_libraries(${name} PRIVATE ${arg_LIBS})
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/support)
endfunction()

foreach(part card fido pkcs11)
	add_subdirectory(${CMAKE_CURRENT_LIST_DIR}/${part})
endforeach()
