# SPDX-License-Identifier: Apache-2.0
# The module's parts, each by itself.
hc_unit_test(options LIBS pam_hospiconnect_static)
hc_unit_test(verdict LIBS pam_hospiconnect_static)
hc_unit_test(dialogue LIBS pam_hospiconnect_static)
hc_unit_test(converse LIBS pam_hospiconnect_static)
# the conversation comes from the test, not from a handle
target_link_options(test_converse PRIVATE -Wl,--wrap=pam_get_item)
foreach(part options verdict dialogue converse)
	target_include_directories(test_${part} PRIVATE ${CMAKE_SOURCE_DIR}/pam_hospiconnect)
endforeach()
