# SPDX-License-Identifier: Apache-2.0
hc_unit_test(jose LIBS gateway_jose OpenSSL::Crypto)
target_compile_definitions(test_jose PRIVATE HC_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors")
# The HTTP server.
hc_unit_test(prescan LIBS gateway_http)
hc_unit_test(url LIBS gateway_http)
hc_unit_test(cookie LIBS gateway_http)
hc_unit_test(http_response LIBS gateway_http)
hc_unit_test(http_address LIBS gateway_http)
hc_unit_test(http_server LIBS gateway_http)
hc_unit_test(http_serving LIBS gateway_http)
hc_unit_test(http_life LIBS gateway_http)
hc_unit_test(http_memory LIBS gateway_http hc_fault PkgConfig::libevent)
hc_unit_test(http_tls LIBS gateway_http OpenSSL::SSL)
