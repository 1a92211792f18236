# SPDX-License-Identifier: Apache-2.0
hc_unit_test(ctl_anchor LIBS hospictl_core)
hc_unit_test(ctl_args LIBS hospictl_core)
hc_unit_test(ctl_import_u2f LIBS hospictl_core)
hc_unit_test(ctl_input LIBS hospictl_core)
hc_unit_test(ctl_json LIBS hospictl_core)
hc_unit_test(ctl_pam_check LIBS hospictl_core)
hc_unit_test(ctl_pam_real LIBS hospictl_core hc_pam)
set_tests_properties(unit.ctl_pam_real PROPERTIES
	ENVIRONMENT LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/lsan.supp)
hc_unit_test(ctl_pam_stack LIBS hospictl_core)
hc_unit_test(ctl_qr LIBS hospictl_core)
hc_unit_test(ctl_table LIBS hospictl_core)
hc_unit_test(ctl_when LIBS hospictl_core)
