# SPDX-License-Identifier: Apache-2.0
# hc_fault: link it to a test to make the n-th allocation or system call fail (fault.h). The list of
# wrapped symbols is made of the WRAP lines of fault.c.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/fault.c)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/fault.c HC_FAULT_LINES REGEX "^WRAP\\(")
set(HC_FAULT_OPTIONS "")
foreach(line IN LISTS HC_FAULT_LINES)
	string(REGEX REPLACE "^WRAP\\([^,]*, ([a-z_]+),.*" "\\1" symbol "${line}")
	list(APPEND HC_FAULT_OPTIONS "-Wl,--wrap=${symbol}")
endforeach()
add_library(hc_fault OBJECT ${CMAKE_CURRENT_LIST_DIR}/fault.c)
target_include_directories(hc_fault INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_options(hc_fault INTERFACE ${HC_FAULT_OPTIONS})
