# SPDX-License-Identifier: Apache-2.0
# hc-ocsp: the one helper with a network. hc_ocsp_core knows none; hc_ocsp_fetch.c alone sees libcurl.
add_library(hc_ocsp_core STATIC hc_ocsp_request.c)
target_include_directories(hc_ocsp_core PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(hc_ocsp_core PUBLIC hospiconnect)
add_executable(hc-ocsp hc_ocsp.c hc_ocsp_fetch.c hc_ocsp_hand.c)
target_link_libraries(hc-ocsp PRIVATE hc_helper_core hc_ocsp_core hcevidence hccrypto PkgConfig::libcurl)
set_target_properties(hc-ocsp PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec)
install(TARGETS hc-ocsp DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/hospiconnect)
