# SPDX-License-Identifier: Apache-2.0
add_library(hc_test_cps STATIC ${PROJECT_SOURCE_DIR}/tests/support/cps_ca.c)
target_include_directories(hc_test_cps PUBLIC ${PROJECT_SOURCE_DIR}/tests/support)
target_link_libraries(hc_test_cps PUBLIC hcevidence OpenSSL::Crypto PkgConfig::cmocka)
hc_unit_test(cps_certificate LIBS hc_test_cps)
hc_unit_test(cps_chain LIBS hc_test_cps)
hc_unit_test(cps_crl_files LIBS hc_test_cps)
hc_unit_test(cps_ocsp SOURCES ${PROJECT_SOURCE_DIR}/tests/support/ocsp_answer.c LIBS hc_test_cps)
hc_unit_test(fido LIBS hc_test_cps)
