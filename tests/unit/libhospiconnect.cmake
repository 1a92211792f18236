# SPDX-License-Identifier: Apache-2.0
# The base library. Its tests may look at its private headers.
foreach(module err secret buf identity log file config msg text)
	hc_unit_test(${module} LIBS hospiconnect)
endforeach()
