# SPDX-License-Identifier: Apache-2.0
# hc-pkcs11: what it decides. Cards themselves are asked in tests/integration.
hc_unit_test(pkcs11_certificate LIBS hc_p11_core hc_test_cps)
hc_unit_test(pkcs11_choice LIBS hc_p11_core PkgConfig::p11kit)
hc_unit_test(pkcs11_request LIBS hc_p11_core)
