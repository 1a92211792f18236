/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PAM module whose entry points are in the test program: libpam calls it as any module, and the
 * program's own copy of the module under test, linked with faults injected, does the work.
 */
#include <dlfcn.h>
#include <security/pam_modules.h>
#include <stddef.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef int (*entry_point)(pam_handle_t *, int, int, const char **);

static int jump(const char *name, pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	void *symbol = dlsym(RTLD_DEFAULT, name);
	entry_point target = NULL;

	if (symbol == NULL)
		return PAM_SYMBOL_ERR;
	memcpy(&target, &symbol, sizeof(target)); /* as POSIX has it for functions */
	return target(pamh, flags, argc, argv);
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return jump("test_authenticate", pamh, flags, argc, argv);
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return jump("test_acct_mgmt", pamh, flags, argc, argv);
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}
