/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-password: the only process of HospiConnect that stays root. It answers the broker one question:
 * is this the password of that account. Options, hardening, the socket, the loop, the end.
 *
 * State: none. It must never serve anybody but one uid, the broker's.
 */
#include <signal.h>
#include <unistd.h>

#include "hospiconnect/confine.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "hospiconnect/program.h"
#include "hospiconnect/sockets.h"
#include "password_server.h"

#define PROGRAM "hc-password"

struct options {
	const char *listen, *peer;
};

static const char usage[] =
	"usage: " PROGRAM " [--listen PATH] [--peer USER]\n"
	"\n"
	"Checks passwords for hospiconnect-authd, as root, through the PAM service\n"
	"hospiconnect-password. A service manager hands the socket over, or --listen makes it.\n"
	"\n"
	"  --listen PATH    make the socket here (0600, of the user that --peer names)\n"
	"  --peer USER      the one user that is answered (default " HC_BROKER_USER ")\n"
	"  --help           show this text\n"
	"  --version        show the version\n";

/*
 * Passwords pass through here: no core file, no tracer, nothing gained by exec. Who stops this process once it listens is
 * heard in the loop, which ends it as it should.
 */
static bool harden(void)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t stops;

	(void)sigemptyset(&stops); /* these fail for a wrong number only */
	(void)sigaddset(&stops, SIGTERM);
	(void)sigaddset(&stops, SIGINT);
	return hc_privilege_harden() == HC_OK && sigaction(SIGPIPE, &ignore, NULL) == 0 &&
	       sigprocmask(SIG_BLOCK, &stops, NULL) == 0 && chdir("/") == 0;
}

/* HC_ERR_NOTFOUND: neither handed over nor told where to listen. */
static enum hc_err open_socket(const struct options *options, uid_t peer, int *ret_fd)
{
	static const char *const any[] = {NULL};
	const struct hc_socket_plan plan = {
		.path = options->listen, .mode = 0600, .has_owner = true, .owner = peer};
	enum hc_err err;

	if (options->listen != NULL)
		return hc_sockets_bind(&plan, ret_fd);
	err = hc_sockets_inherit(any, HC_COUNT(any), ret_fd);
	return err == HC_OK && *ret_fd < 0 ? HC_ERR_NOTFOUND : err;
}

static int serve(const struct hc_program *program, const struct options *options)
{
	struct hc_password_server server = {.fd = -1};
	struct hc_identity peer;
	enum hc_err err;

	if (geteuid() != 0) {
		hc_log_plain(HC_LOG_ERROR, "must be started by root: no other user can check a password");
		return HC_PROGRAM_FAILED;
	}
	if (!harden()) {
		hc_log_plain(HC_LOG_ERROR, "cannot harden the process");
		return HC_PROGRAM_FAILED;
	}
	if (!hc_privilege_account(options->peer, &peer)) {
		hc_log(HC_LOG_ERROR, "the broker's user cannot be found: --peer names another one",
		       HC_F_TEXT("user", options->peer));
		return HC_PROGRAM_FAILED;
	}
	server.peer = peer.uid;
	err = open_socket(options, server.peer, &server.fd);
	if (err == HC_ERR_NOTFOUND && options->listen == NULL)
		return hc_program_usage(program);
	server.may_end = options->listen == NULL;
	if (err == HC_OK)
		err = hc_confine(HC_CONFINE_PASSWORD);
	if (err == HC_OK)
		err = hc_password_serve(&server);
	return err == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
	struct options options = {.peer = HC_BROKER_USER};
	const struct hc_program program = {.name = PROGRAM,
					   .usage = usage,
					   .options = {{"listen", &options.listen, NULL},
						       {"peer", &options.peer, NULL},
						       {NULL, NULL, NULL}}};
	int status = HC_PROGRAM_OK;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	return hc_program_options(&program, argc, argv, &status) ? serve(&program, &options) : status;
}
