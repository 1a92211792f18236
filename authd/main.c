/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospiconnect-authd: options, hardening, configuration, descriptors, the drop, the loop, the end.
 *
 * State: none but what startup.h owns. The order is the point: nothing a caller sends is read before
 * the process is hardened and has dropped root; nothing secret is in memory before the resolver,
 * which runs foreign code, was forked off.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "hospiconnect/log.h"
#include "privilege.h"
#include "settings.h"
#include "startup.h"

#define PROGRAM	      "hospiconnect-authd"
#define STATUS_OK     0
#define STATUS_FAILED 1
#define STATUS_USAGE  2

struct options {
	const char *config;
	bool check, help, version;
};

static const char usage[] =
	"usage: " PROGRAM " [--config FILE] [--check-config]\n"
	"\n"
	"The broker of HospiConnect: verifies second factors for the PAM module.\n"
	"\n"
	"  --config FILE    configuration (default " HC_SYSCONF_DIR "/authd.conf)\n"
	"  --check-config   read the configuration, say \"ok\" or what is wrong, and end\n"
	"  --help           show this text\n"
	"  --version        show the version\n";

/* False: a word on the command line that means nothing; getopt_long(3) has named it. */
static bool parse_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {{"config", required_argument, NULL, 'c'},
					      {"check-config", no_argument, NULL, 'k'},
					      {"help", no_argument, NULL, 'h'},
					      {"version", no_argument, NULL, 'v'},
					      {NULL, 0, NULL, 0}};
	struct options options = {.config = HC_SYSCONF_DIR "/authd.conf"};
	int letter = 0;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (letter == 'c')
			options.config = optarg;
		else if (letter == 'k')
			options.check = true;
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

/* A text on standard output; a full disk or a closed pipe behind it is a failure. */
static int say(const char *text)
{
	return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

int main(int argc, char **argv)
{
	static struct hc_authd_config config;
	struct options options;
	char why[1024];

	hc_log_init(PROGRAM, HC_LOG_INFO);
	if (!parse_options(argc, argv, &options)) {
		(void)fputs(usage, stderr); /* there is nowhere else to say it */
		return STATUS_USAGE;
	}
	if (options.help)
		return say(usage);
	if (options.version)
		return say(PROGRAM " " HC_VERSION "\n");
	if (hc_privilege_harden() != HC_OK)
		return STATUS_FAILED;
	if (hc_settings_load(options.config, &config, why, sizeof(why)) != HC_OK) {
		(void)fprintf(stderr, "%s\n", why);
		return STATUS_FAILED;
	}
	if (options.check)
		return say("ok\n");
	hc_log_init(PROGRAM, (enum hc_log_level)(HC_LOG_ERROR + config.log_level));
	return hc_startup_serve(&config) == HC_OK ? STATUS_OK : STATUS_FAILED;
}
