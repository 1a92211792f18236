/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospiconnect-authd: hardening, configuration, descriptors, the drop, the loop, the end.
 *
 * State: the configuration. The order is the point: nothing a caller sends is read before the
 * process is hardened and has dropped root; nothing secret is in memory before the resolver, which
 * runs foreign code, was forked off.
 */
#include "check_store.h"
#include "hospiconnect/program.h"
#include "settings.h"
#include "startup.h"

#define PROGRAM "hospiconnect-authd"

static const char usage[] =
	"usage: " PROGRAM " [--config FILE] [--check-config] [--check-store DIR]\n"
	"\n"
	"The broker of HospiConnect: verifies second factors for the PAM module.\n"
	"\n"
	"  --config FILE    configuration (default " HC_SYSCONF_DIR "/authd.conf)\n"
	"  --check-config   read the configuration, say \"ok\" or what is wrong, and end\n"
	"  --check-store DIR  read the store and the seal key in DIR, which nobody uses, and say what is in "
	"it\n"
	"  --help           show this text\n"
	"  --version        show the version\n";

static struct hc_authd_config config;

static enum hc_err load(const char *path, int *ret_log_level, char *ret_why, size_t cap)
{
	enum hc_err err = hc_settings_load(path, &config, ret_why, cap);

	if (err == HC_OK)
		*ret_log_level = config.log_level;
	return err;
}

static enum hc_err serve(void)
{
	return hc_startup_serve(&config);
}

int main(int argc, char **argv)
{
	static const struct hc_daemon daemon = {.name = PROGRAM,
						.usage = usage,
						.config = HC_SYSCONF_DIR "/authd.conf",
						.load = load,
						.serve = serve,
						.check_store = hc_check_store};

	return hc_daemon_main(&daemon, argc, argv);
}
