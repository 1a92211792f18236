# SPDX-License-Identifier: Apache-2.0
hc_unit_test(jose LIBS gateway_jose OpenSSL::Crypto)
target_compile_definitions(test_jose PRIVATE HC_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors")
