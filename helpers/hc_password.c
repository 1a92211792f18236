/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-password: the only process of HospiConnect that stays root. It answers the broker one question:
 * is this the password of that account. Options, hardening, the socket, the loop, the end.
 *
 * State: none. It must never serve anybody but one uid, the broker's.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "password_server.h"

#define PROGRAM		"hc-password"
#define STATUS_OK	0
#define STATUS_FAILED	1
#define STATUS_USAGE	2
#define NAME_BUFFER_LEN 16384

struct options {
	const char *listen, *peer;
	bool help, version;
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

/* False: a word on the command line that means nothing; getopt_long(3) has named it. */
static bool parse_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
					      {"peer", required_argument, NULL, 'p'},
					      {"help", no_argument, NULL, 'h'},
					      {"version", no_argument, NULL, 'v'},
					      {NULL, 0, NULL, 0}};
	struct options options = {.peer = HC_BROKER_USER};
	int letter = 0;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (letter == 'l')
			options.listen = optarg;
		else if (letter == 'p')
			options.peer = optarg;
		else if (letter == 'h')
			options.help = true;
		else if (letter == 'v')
			options.version = true;
		else
			return false;
	}
	if (optind != argc) {
		(void)fprintf(stderr, PROGRAM ": unexpected argument \"%s\"\n", argv[optind]);
		return false;
	}
	*ret_options = options;
	return true;
}

static int say(const char *text)
{
	return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

/* Passwords pass through here: no core file, no tracer, nothing gained by exec. */
static bool harden(void)
{
	const struct rlimit none = {0, 0};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)umask(077); /* cannot fail */
	return prctl(PR_SET_DUMPABLE, HC_DUMPABLE, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0 &&
	       chdir("/") == 0;
}

static bool find_peer(const char *name, uid_t *ret_uid)
{
	char buffer[NAME_BUFFER_LEN];
	struct passwd entry;
	struct passwd *found = NULL;
	int failure = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);

	if (found == NULL) {
		hc_log(HC_LOG_ERROR, "the broker's user cannot be found: --peer names another one",
		       HC_F_TEXT("user", name),
		       HC_F_TEXT("reason", failure == 0 ? "no such user" : strerror(failure)));
		return false;
	}
	*ret_uid = entry.pw_uid;
	return true;
}

static int serve(const struct options *options)
{
	struct hc_password_server server = {.fd = -1};
	enum hc_err err;

	if (geteuid() != 0) {
		hc_log_plain(HC_LOG_ERROR, "must be started by root: no other user can check a password");
		return STATUS_FAILED;
	}
	if (!harden()) {
		hc_log(HC_LOG_ERROR, "cannot harden the process", HC_F_TEXT("reason", strerror(errno)));
		return STATUS_FAILED;
	}
	if (!find_peer(options->peer, &server.peer))
		return STATUS_FAILED;
	if (options->listen != NULL)
		err = hc_password_bind(options->listen, server.peer, &server.fd);
	else
		err = hc_password_inherit(&server.fd);
	if (err == HC_ERR_NOTFOUND) {
		(void)fputs(usage, stderr); /* there is nowhere else to say it */
		return STATUS_USAGE;
	}
	server.may_end = options->listen == NULL;
	if (err == HC_OK)
		err = hc_password_serve(&server);
	return err == HC_OK ? STATUS_OK : STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct options options;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	if (!parse_options(argc, argv, &options)) {
		(void)fputs(usage, stderr); /* there is nowhere else to say it */
		return STATUS_USAGE;
	}
	if (options.help)
		return say(usage);
	if (options.version)
		return say(PROGRAM " " HC_VERSION "\n");
	return serve(&options);
}
