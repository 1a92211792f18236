/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_LIST_H
#define HC_PKCS11_LIST_H

#include <stdbool.h>

/* hc_p11_list: what a module sees, on standard output, for a person or as JSON. Returns the exit status. */
int hc_p11_list(const char *module, bool json);

#endif
