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
target_link_options(test_http_memory PRIVATE -Wl,--wrap=accept4)
hc_unit_test(http_tls LIBS gateway_http OpenSSL::SSL)
# What applications call.
set(HC_OAUTH_LIBS gateway_oauth gateway_store gateway_http gateway_jose hccrypto PkgConfig::jansson)
hc_unit_test(token_endpoint LIBS ${HC_OAUTH_LIBS})
# The link to the broker. One thread plays both ends; the clock is the test's.
set(HC_FAKE_CLOCK ${CMAKE_SOURCE_DIR}/tests/support/fake_clock.c)
hc_unit_test(broker_link SOURCES ${HC_FAKE_CLOCK} LIBS gateway_broker gateway_http PkgConfig::libevent)
# The pages.
hc_unit_test(page LIBS gateway_pages hc_html_check)
hc_unit_test(page_reply LIBS gateway_pages hc_html_check hccrypto)
target_link_options(test_page_reply PRIVATE -Wl,--wrap=hc_exchange_reply)
