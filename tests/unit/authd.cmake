# SPDX-License-Identifier: Apache-2.0
# Decisions: rules, factors, conversations, administration.
hc_unit_test(throttle LIBS authd_core)
hc_unit_test(policy LIBS authd_core)
