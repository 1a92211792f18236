# SPDX-License-Identifier: Apache-2.0
# The store, cryptography and the audit trail.
hc_unit_test(crypto LIBS authd_crypto OpenSSL::Crypto)
hc_unit_test(seal LIBS authd_crypto)
