/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PKCS11_PROCESS_H
#define HC_PKCS11_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* What surrounds the vendor's library in its process. Each returns false, logged, when the system refuses. */

/*
 * hc_p11_environment: leaves a few variables of ours and nothing else: where there are others, the program
 * is executed anew, so that not even the constructors of a library saw them.
 */
bool hc_p11_environment(char **argv);

/* hc_p11_confine: in the process that will load the library: ends with its parent, bounded memory, files and time, no terminal. */
bool hc_p11_confine(int64_t timeout_ms);

#endif
