/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locker SERVICE USER ANSWER... [-- ANSWER...]: a screen locker as they are: runs as the user
 * itself, keeps one PAM handle, calls pam_authenticate again after each failure, and loses every
 * text that is not a question. "--" separates the answers of one try from those of the next.
 *
 * Role: the unprivileged PAM host of the integration tests. State: one handle. It must never hold a
 * privilege: it refuses to run as root, where it would prove nothing.
 */
#include <string.h>
#include <unistd.h>

#include "conversation.h"

/* Ends the answers of this try with NULL and returns the first one of the next, or NULL. */
static char **cut(char **answers)
{
	for (; *answers; answers++)
		if (strcmp(*answers, "--") == 0) {
			*answers = NULL;
			return answers + 1;
		}
	return NULL;
}

int main(int argc, char **argv)
{
	struct test_script script = {.drop_info = true, .out = stdout};
	struct pam_conv conv = {.conv = test_converse, .appdata_ptr = &script};
	pam_handle_t *pam = NULL;
	int code;

	if (argc < 3 || geteuid() == 0)
		return 2;
	code = pam_start(argv[1], argv[2], &conv, &pam);
	for (char **answers = argv + 3; code == PAM_SUCCESS && answers;) {
		char **next = cut(answers);

		script.answers = answers;
		script.next = 0;
		code = pam_authenticate(pam, 0);
		(void)printf("authenticate: %s\n", test_pam_name(code));
		if (code == PAM_SUCCESS || !next)
			break;
		code = PAM_SUCCESS;
		answers = next;
	}
	if (code == PAM_SUCCESS)
		(void)pam_setcred(pam, PAM_REFRESH_CRED);
	(void)pam_end(pam, code);
	return code == PAM_SUCCESS ? 0 : 1;
}
