# SPDX-License-Identifier: Apache-2.0
# hc_html_check: the strict reader of the gateway's pages.
add_library(hc_html_check OBJECT ${CMAKE_CURRENT_LIST_DIR}/html_check.c)
target_include_directories(hc_html_check PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(hc_html_check PUBLIC hospiconnect)
