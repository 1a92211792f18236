/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospiconnect-crl: fetches the revocation lists of the authorities over cards, once, and ends; a timer
 * starts it. Started by root it becomes the broker's user before it sees the network. It must never open
 * the store, and needs none.
 */
#include <stdio.h>
#include <unistd.h>

#include "hospiconnect/confine.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "hospiconnect/program.h"

#include "fetch.h"
#include "lists.h"
#include "settings.h"

#define PROGRAM "hospiconnect-crl"
#define WHY_CAP 1024

static const char usage[] =
	"usage: " PROGRAM " [--config FILE] [--check-config] [--once] [--force]\n"
	"\n"
	"Fetches the revocation lists of the authorities over health-professional cards.\n"
	"\n"
	"  --config FILE    configuration (default " HC_SYSCONF_DIR "/crl.conf)\n"
	"  --check-config   read the configuration, say \"ok\" or what is wrong, and end\n"
	"  --once           ask each address whose turn it is, and end (the default)\n"
	"  --force          ask every address, however short ago it answered\n"
	"  --help           show this text\n"
	"  --version        show the version\n";

/* Each key has a default: what is missing is the decision to fetch. */
static const char no_config[] = "As root, write that file, mode 0644: its one line \"[crl]\" is enough, "
				"since every key has a default.\n"
				"Keys most often changed: urls (where the lists are), trust_dir and crl_dir "
				"(as in [cps] of authd.conf), proxy.\n"
				"The package's example, data/crl.conf in the sources, shows them all; so "
				"does hospiconnect-crl.conf(5).\n";

static struct hc_crl_config config;

/* The directory of lists is made while root can make it. */
static enum hc_err become_user(void)
{
	struct hc_identity identity;

	if (geteuid() != 0)
		return HC_OK;
	enum hc_err err = hc_privilege_user(config.user, &identity);

	if (err == HC_OK && access(config.crl_dir, F_OK) != 0)
		err = hc_state_dir_make(config.crl_dir, &identity);
	return err == HC_OK ? hc_privilege_drop(&identity) : err;
}

static int run(bool force)
{
	if (become_user() != HC_OK)
		return HC_PROGRAM_FAILED;
	if (hc_crypto_start() != HC_OK || hc_fetch_start() != HC_OK) {
		hc_log_plain(HC_LOG_ERROR, "libcrypto or libcurl does not start");
		return HC_PROGRAM_FAILED;
	}
	/* Before the first byte of the network. */
	if (hc_confine(HC_CONFINE_CRL) != HC_OK)
		return HC_PROGRAM_FAILED;
	const enum hc_err err = hc_crl_run(&config, hc_clock_system(), force);

	hc_fetch_end();
	return err == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

int main(int argc, char **argv)
{
	const char *path = HC_SYSCONF_DIR "/crl.conf";
	bool check = false, once = true, force = false;
	const struct hc_program program = {.name = PROGRAM,
					   .usage = usage,
					   .options = {{"config", &path, NULL},
						       {"check-config", NULL, &check},
						       {"once", NULL, &once},
						       {"force", NULL, &force},
						       {NULL, NULL, NULL}}};
	char why[WHY_CAP];
	int status = HC_PROGRAM_OK;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	if (!hc_program_options(&program, argc, argv, &status))
		return status;
	if (hc_privilege_harden() != HC_OK)
		return HC_PROGRAM_FAILED;
	const enum hc_err err = hc_crl_config_load(path, &config, why, sizeof(why));

	if (err != HC_OK) {
		(void)fprintf(stderr, "%s\n%s", why, err == HC_ERR_NOTFOUND ? no_config : "");
		return HC_PROGRAM_FAILED;
	}
	if (check)
		return hc_program_say("ok\n");
	hc_log_init(PROGRAM, (enum hc_log_level)(HC_LOG_ERROR + config.log_level));
	return run(force);
}
