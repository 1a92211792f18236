# SPDX-License-Identifier: Apache-2.0
# Decisions: rules, factors, conversations, administration.
hc_unit_test(throttle LIBS authd_core)
hc_unit_test(policy LIBS authd_core)
hc_unit_test(base32 LIBS authd_core)
hc_unit_test(otp LIBS authd_core)
target_compile_definitions(test_otp PRIVATE HC_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors")
# The broker without sockets, for tests of its decisions.
set(HC_DECISION_RIG ${CMAKE_SOURCE_DIR}/tests/support/decision_rig.c ${CMAKE_SOURCE_DIR}/tests/support/fake_clock.c)
hc_unit_test(factor_otp SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(otp_enroll SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(factor_recovery SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(session SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(session_lockout SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(session_ends SOURCES ${HC_DECISION_RIG} LIBS authd_core)
hc_unit_test(session_trouble SOURCES ${HC_DECISION_RIG} LIBS authd_core)
foreach(function begin commit person_by_login credential_list credential_by_id credential_ever throttle_get throttle_put
	throttle_clear totp_consume recovery_consume audit_append audit_last)
	target_link_options(test_session_trouble PRIVATE -Wl,--wrap=hc_store_${function})
endforeach()
# The process: settings, permissions, quota, connections in the loop.
hc_unit_test(permit LIBS authd_core)
hc_unit_test(settings LIBS authd_core)
target_compile_definitions(test_settings PRIVATE HC_EXAMPLE_CONF="${CMAKE_SOURCE_DIR}/data/authd.conf")
hc_unit_test(quota LIBS authd_core)
hc_unit_test(sockets LIBS authd_core)
hc_unit_test(connection LIBS authd_core PkgConfig::libsystemd)
