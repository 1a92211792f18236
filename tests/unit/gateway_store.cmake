# SPDX-License-Identifier: Apache-2.0
# The gateway's store.
hc_unit_test(ticket LIBS gateway_store)
hc_unit_test(gstore LIBS gateway_store)
hc_unit_test(gstore_records LIBS gateway_store)
hc_unit_test(gstore_copy LIBS gateway_store PkgConfig::sqlite3)
hc_unit_test(gstore_token LIBS gateway_store)
hc_unit_test(gstore_refresh LIBS gateway_store)
hc_unit_test(gstore_outbox LIBS gateway_store PkgConfig::sqlite3)
hc_unit_test(gstore_race LIBS gateway_store)
hc_unit_test(gstore_plan LIBS gateway_store PkgConfig::sqlite3)
hc_unit_test(gstore_migration LIBS gateway_store PkgConfig::sqlite3)
hc_unit_test(gstore_crash LIBS gateway_store PkgConfig::sqlite3)
hc_unit_test(gstore_fault LIBS gateway_store PkgConfig::sqlite3 hc_fault)
