/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-pkcs11: the only program of HospiConnect that loads a card's PKCS#11 library. One operation for the
 * broker, or a list by hand. Options, environment, identity, the link.
 *
 * State: none. It must never serve another uid than root and its own, and never run a library as root.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_start.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "hospiconnect/program.h"
#include "pkcs11_list.h"
#include "pkcs11_process.h"
#include "pkcs11_request.h"
#include "pkcs11_watch.h"

#define PROGRAM	  "hc-pkcs11"
#define LIST_WORD "list"

struct options {
	const char *module, *softhsm_conf, *pcsc_socket;
	bool json, debug;
};

static const char usage[] =
	"usage: " PROGRAM " [--debug] [--pcsc-socket PATH] [--softhsm-conf FILE]\n"
	"       " PROGRAM
	" list --module PATH [--json] [--debug] [--pcsc-socket PATH] [--softhsm-conf FILE]\n"
	"\n"
	"Uses a smart card for hospiconnect-authd, which starts it with a link on\n"
	"descriptor 3. By hand: lists readers, cards and certificates. As root it\n"
	"becomes the user " HC_BROKER_USER " first.\n"
	"\n"
	"  --module PATH        the PKCS#11 module, an absolute path\n"
	"  --json               list as JSON\n"
	"  --debug              log more\n"
	"  --pcsc-socket PATH   another pcscd than the system's\n"
	"  --softhsm-conf FILE  configuration of SoftHSM, for tests without a card\n"
	"  --help               show this text\n"
	"  --version            show the version\n";

static int serve(const struct hc_program *program)
{
	if (fcntl(HC_P11_LINK_FD, F_GETFD) < 0)
		return hc_program_usage(program);
	if (!hc_helper_is_link(HC_P11_LINK_FD) || !hc_helper_may_ask(HC_P11_LINK_FD)) {
		hc_log_plain(HC_LOG_ERROR, "descriptor 3 is no link to the broker");
		return HC_PROGRAM_FAILED;
	}
	if (fcntl(HC_P11_LINK_FD, F_SETFD, FD_CLOEXEC) != 0 || close_range(HC_P11_LINK_FD + 1, ~0u, 0) != 0)
		return HC_PROGRAM_FAILED;
	return hc_p11_serve(HC_P11_LINK_FD);
}

/* The two variables that tests and unusual systems need, by word of whoever starts this. */
static bool set_variables(const struct options *options)
{
	return (options->softhsm_conf == NULL || setenv("SOFTHSM2_CONF", options->softhsm_conf, 1) == 0) &&
	       (options->pcsc_socket == NULL || setenv("PCSCLITE_CSOCK_NAME", options->pcsc_socket, 1) == 0);
}

static int run(const struct hc_program *program, const struct options *options, bool list)
{
	if (list && options->module == NULL)
		return hc_program_usage(program);
	if (!list && (options->module != NULL || options->json))
		return hc_program_usage(program);
	hc_log_init(PROGRAM, options->debug ? HC_LOG_DEBUG : HC_LOG_INFO);
	if (!hc_helper_identity() || hc_privilege_harden() != HC_OK || chdir("/") != 0 ||
	    !set_variables(options) || hc_confine(HC_CONFINE_PKCS11) != HC_OK)
		return HC_PROGRAM_FAILED;
	return list ? hc_p11_list(options->module, options->json) : serve(program);
}

int main(int argc, char **argv)
{
	struct options options = {.module = NULL};
	const struct hc_program program = {.name = PROGRAM,
					   .usage = usage,
					   .options = {{"module", &options.module, NULL},
						       {"json", NULL, &options.json},
						       {"debug", NULL, &options.debug},
						       {"softhsm-conf", &options.softhsm_conf, NULL},
						       {"pcsc-socket", &options.pcsc_socket, NULL},
						       {NULL, NULL, NULL}}};
	bool list = argc > 1 && strcmp(argv[1], LIST_WORD) == 0;
	int status = HC_PROGRAM_OK;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	if (!hc_p11_environment(argv))
		return HC_PROGRAM_FAILED;
	if (list) { /* getopt(3) wants the name first */
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	return hc_program_options(&program, argc, argv, &status) ? run(&program, &options, list) : status;
}
