# SPDX-License-Identifier: Apache-2.0
# What our programs may ask of the kernel. A sanitizer build has no filter.
find_package(Threads REQUIRED)
if(NOT HC_SANITIZE)
	hc_unit_test(confine LIBS hcconfine PkgConfig::libseccomp Threads::Threads)
endif()
