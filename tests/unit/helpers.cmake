# SPDX-License-Identifier: Apache-2.0
# hc-password. PAM itself is asked in tests/integration, as root.
hc_unit_test(password_rate LIBS hc_password_core)
hc_unit_test(password_server LIBS hc_password_core)
target_link_options(test_password_server PRIVATE -Wl,--wrap=hc_password_check)
