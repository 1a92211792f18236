# SPDX-License-Identifier: Apache-2.0
# The base library. Its tests may look at its private headers.
foreach(module err clock secret buf identity log file config msg text broker_client broker_peer program)
	hc_unit_test(${module} LIBS hospiconnect)
endforeach()
# The name service is the test's own here.
target_link_options(test_broker_peer PRIVATE -Wl,--wrap=getpwnam_r)
hc_unit_test(faults_lib LIBS hospiconnect hc_fault)
# The table of texts: what its generator refuses.
add_test(NAME unit.gen_text COMMAND bash ${CMAKE_SOURCE_DIR}/tests/unit/gen_text.sh)
set_tests_properties(unit.gen_text PROPERTIES TIMEOUT 180 LABELS unit)
# The protocol's page says what the headers say.
add_test(NAME unit.protocol_doc COMMAND ${HC_PERL} ${CMAKE_SOURCE_DIR}/tests/unit/protocol_doc.pl ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.protocol_doc PROPERTIES TIMEOUT 180 LABELS unit)
