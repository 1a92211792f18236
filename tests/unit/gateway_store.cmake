# SPDX-License-Identifier: Apache-2.0
# The gateway's store.
hc_unit_test(gstore LIBS gateway_store)
