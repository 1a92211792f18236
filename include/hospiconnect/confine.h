/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFINE_H
#define HC_CONFINE_H

#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * Which system calls a process of ours may make (docs/adr/0059). Each call of a process is one of three kinds:
 *   allowed     it is on the list of that process;
 *   forbidden   no honest code ever makes it there: the whole process is killed with SIGSYS;
 *   unknown     everything else, such as what a later libc tries first: ENOSYS, and libc takes the way it took before.
 * Another architecture's calls (i386 or x32 in a 64 bit process) are forbidden. Never for the PAM module: its process is
 * another program's.
 */
enum hc_confine_role {
	HC_CONFINE_AUTHD,    /* the broker */
	HC_CONFINE_STARTER,  /* starts helpers for it, which inherit: no narrower than any of them */
	HC_CONFINE_RESOLVER, /* runs name service modules, for the broker */
	HC_CONFINE_GATEWAY,  /* hospiconnect-gateway, all of its threads */
	HC_CONFINE_PASSWORD, /* hc-password and its children, which run PAM modules */
	HC_CONFINE_FIDO2,    /* hc-fido2 */
	HC_CONFINE_PKCS11, /* hc-pkcs11 until its children are there, and the one that runs the card's library */
	HC_CONFINE_PKCS11_WATCHER, /* hc-pkcs11 while they work */
	HC_CONFINE_PCSC,	   /* its children that speak to pcscd */
	HC_CONFINE_OCSP,	   /* hc-ocsp */
	HC_CONFINE_CRL,		   /* hospiconnect-crl */
};
#define HC_CONFINE_ROLES 11

/*
 * hc_confine: from here on this process, all of its threads and all of its children are confined so; calling it again can
 * only take more away. To be called when everything that needs more was done, and before the first byte of
 * input. HC_ERR_IO, HC_ERR_NOMEM: the system refuses, which was logged, and the program must end. In sanitizer builds,
 * whose own code makes calls that no program of ours does, it does nothing.
 */
HC_CHECK enum hc_err hc_confine(enum hc_confine_role role);

/* hc_confine_is_built_in: false in sanitizer builds. */
bool hc_confine_is_built_in(void);

/* hc_confine_tell: logs that a child (of that name) was killed for a forbidden call; status as waitpid(2) gave it. */
void hc_confine_tell(const char *name, int status);

#endif
