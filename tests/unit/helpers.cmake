# SPDX-License-Identifier: Apache-2.0
# hc-password. PAM itself is asked in tests/integration, as root.
hc_unit_test(password_rate LIBS hc_password_core)
hc_unit_test(password_server LIBS hc_password_core)
target_link_options(test_password_server PRIVATE -Wl,--wrap=hc_password_check)

# What both helpers of devices do alike.
hc_unit_test(watch_link LIBS hc_watch_core)
hc_unit_test(pkcs11_watch_reader SOURCES ${PROJECT_SOURCE_DIR}/helpers/pkcs11_watch_reader.c LIBS hc_watch_core hcconfine)
target_link_options(test_pkcs11_watch_reader PRIVATE -Wl,--wrap=hc_watch_slept_now,--wrap=hc_p11_watch_card)

# hc-fido2: what it decides. Keys themselves are asked in tests/integration.
hc_unit_test(fido2_choice LIBS hc_fido2_core)
hc_unit_test(fido2_machine LIBS hc_fido2_core)
hc_unit_test(fido2_notice LIBS hc_fido2_core)
hc_unit_test(fido2_pin LIBS hc_fido2_core)
hc_unit_test(fido2_request LIBS hc_fido2_core)

# hc-ocsp: the web on loopback, and a question by hand without any.
hc_unit_test(ocsp_fetch SOURCES ${PROJECT_SOURCE_DIR}/helpers/hc_ocsp_fetch.c LIBS hc_ocsp_core PkgConfig::libcurl)
hc_unit_test(ocsp_hand SOURCES ${PROJECT_SOURCE_DIR}/helpers/hc_ocsp_hand.c ${CMAKE_SOURCE_DIR}/tests/support/ocsp_answer.c
	LIBS hc_ocsp_core hc_test_cps hccrypto)
target_link_options(test_ocsp_hand PRIVATE -Wl,--wrap=hc_ocsp_fetch,--wrap=hc_random)
