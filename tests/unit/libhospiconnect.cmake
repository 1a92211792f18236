# SPDX-License-Identifier: Apache-2.0
# The base library. Its tests may look at its private headers.
foreach(module err secret buf identity log file config msg text broker_client)
	hc_unit_test(${module} LIBS hospiconnect)
endforeach()
hc_unit_test(faults_lib LIBS hospiconnect hc_fault)
