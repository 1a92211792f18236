# SPDX-License-Identifier: Apache-2.0
# Cards. hc_p11_core decides and knows no library; the rest of hc-pkcs11 alone sees p11-kit and pcsc-lite.
# No OpenSSL: its symbols in this process would stand before those that a middleware brings itself.
add_library(hc_p11_core STATIC pkcs11_certificate.c pkcs11_choice.c pkcs11_request.c)
target_include_directories(hc_p11_core PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(hc_p11_core SYSTEM PRIVATE ${p11kit_INCLUDE_DIRS})
target_link_libraries(hc_p11_core PUBLIC hospiconnect)
add_library(hc_p11_cards STATIC pkcs11_module.c pkcs11_scan.c pkcs11_session.c)
target_link_libraries(hc_p11_cards PUBLIC hc_p11_core PkgConfig::p11kit)
add_executable(hc-pkcs11 hc_pkcs11.c pkcs11_link.c pkcs11_list.c pkcs11_operation.c pkcs11_pin.c pkcs11_process.c
	pkcs11_reset.c pkcs11_serve.c pkcs11_watch.c pkcs11_watch_card.c pkcs11_watch_reader.c)
target_link_libraries(hc-pkcs11 PRIVATE hc_helper_core hc_p11_cards hc_watch_core PkgConfig::pcsclite)
set_target_properties(hc-pkcs11 PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec)
install(TARGETS hc-pkcs11 DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/hospiconnect)
