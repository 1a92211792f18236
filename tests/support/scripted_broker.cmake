# SPDX-License-Identifier: Apache-2.0
# hc_scripted_broker: a broker that plays a part (scripted_broker.h), for the tests of its clients.
add_library(hc_scripted_broker STATIC ${CMAKE_CURRENT_LIST_DIR}/scripted_broker.c)
target_include_directories(hc_scripted_broker INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(hc_scripted_broker PUBLIC hospiconnect)
