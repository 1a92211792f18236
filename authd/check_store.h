/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CHECK_STORE_H
#define HC_CHECK_STORE_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * hc_check_store: a store and its seal key in a directory that nobody uses, as a backup gives them: brought to our schema,
 * read whole, every sealed secret opened, the trail verified. Facts go to standard output, a "name value" a line. Logged.
 */
HC_CHECK enum hc_err hc_check_store(const char *directory);

#endif
