/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PAM module of the tests, for what other modules of a stack may do between our lines:
 *
 *   user=NAME   changes PAM_USER
 *   later       is ignored when it is called first on a handle, and succeeds from then on, so that
 *               [success=1 default=ignore] jumps over a line in the second call
 */
#include <security/pam_modules.h>
#include <stddef.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const void *seen = NULL;

	(void)flags;
	if (argc == 1 && strncmp(argv[0], "user=", 5) == 0)
		return pam_set_item(pamh, PAM_USER, argv[0] + 5);
	if (pam_get_data(pamh, "stagehand", &seen) == PAM_SUCCESS)
		return PAM_SUCCESS;
	if (pam_set_data(pamh, "stagehand", NULL, NULL) != PAM_SUCCESS)
		return PAM_BUF_ERR;
	return PAM_IGNORE;
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}
