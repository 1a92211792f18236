/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_session [-d DIR] [-s SERVICE] [-r HOST] USER ANSWER...: signs in, opens a session, and closes it when stdin ends: a
 * login program as short as can be.
 *
 * Role: the PAM host of the tests of removal. It says "pid N" before anything else, so that a stand-in for logind can
 * know of its session, then the codes as libpam returned them. A session that stdin's end finds is closed, unless the last line was "crash".
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conversation.h"

static int session(pam_handle_t *pam)
{
	char line[64] = "";
	int code = pam_authenticate(pam, 0);

	(void)printf("authenticate: %s\n", test_pam_name(code));
	if (code != PAM_SUCCESS)
		return code;
	code = pam_open_session(pam, 0);
	(void)printf("open_session: %s\n", test_pam_name(code));
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	if (strcmp(line, "crash\n") == 0)
		_exit(0);
	code = pam_close_session(pam, 0);
	(void)printf("close_session: %s\n", test_pam_name(code));
	return code;
}

int main(int argc, char **argv)
{
	const char *dir = NULL, *service = "hc-test", *rhost = NULL;
	struct test_script script = {.out = stdout};
	struct pam_conv conv = {.conv = test_converse, .appdata_ptr = &script};
	pam_handle_t *pam = NULL;
	int code;

	for (int c; (c = getopt(argc, argv, "+d:s:r:")) != -1;) {
		if (c == 'd')
			dir = optarg;
		else if (c == 's')
			service = optarg;
		else if (c == 'r')
			rhost = optarg;
		else
			return 2;
	}
	if (optind >= argc || setvbuf(stdout, NULL, _IOLBF, 0) != 0)
		return 2;
	(void)printf("pid %d\n", (int)getpid());
	script.answers = argv + optind + 1;
	code = dir ? pam_start_confdir(service, argv[optind], &conv, dir, &pam)
		   : pam_start(service, argv[optind], &conv, &pam);
	if (code == PAM_SUCCESS && rhost)
		code = pam_set_item(pam, PAM_RHOST, rhost);
	if (code == PAM_SUCCESS)
		code = session(pam);
	(void)pam_end(pam, code);
	return code == PAM_SUCCESS ? 0 : 1;
}
