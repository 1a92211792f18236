# SPDX-License-Identifier: Apache-2.0
# The store, cryptography and the audit trail.
hc_unit_test(crypto LIBS hccrypto OpenSSL::Crypto)
hc_unit_test(seal LIBS hccrypto)
hc_unit_test(store LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(store_credential LIBS authd_store)
hc_unit_test(throttle_rows LIBS authd_store)
hc_unit_test(store_plan LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(store_migration LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(store_crash LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(store_disk LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(store_fault LIBS authd_store PkgConfig::sqlite3)
hc_unit_test(audit LIBS authd_core PkgConfig::sqlite3)
hc_unit_test(audit_verify LIBS authd_core PkgConfig::sqlite3)
