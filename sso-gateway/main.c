/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospiconnect-gateway: hardening, configuration, listeners, the drop, the loops, the end.
 *
 * State: the configuration. The order is the point: no byte of a client is read before the process is
 * hardened and has dropped root.
 */
#include "hospiconnect/clock.h"
#include "hospiconnect/program.h"
#include "process/first_certificate.h"
#include "process/process.h"
#include "settings.h"

#define PROGRAM "hospiconnect-gateway"

static const char usage[] =
	"usage: " PROGRAM " [--config FILE] [--check-config | --make-certificate]\n"
	"       " PROGRAM " --check-store DIR\n"
	"\n"
	"The sign-in gateway of HospiConnect: OpenID Connect for applications.\n"
	"\n"
	"  --config FILE       configuration (default " HC_SYSCONF_DIR "/gateway.conf)\n"
	"  --check-config      read the configuration, say \"ok\" or what is wrong, and end\n"
	"  --make-certificate  make the certificate and key that the configuration names, if there are none\n"
	"  --check-store DIR   read the store and the seal key in DIR, which nobody uses, and say what is in "
	"it\n"
	"  --help              show this text\n"
	"  --version           show the version\n";

static struct hc_gateway_config config;

static enum hc_err load(const char *path, int *ret_log_level, char *ret_why, size_t cap)
{
	enum hc_err err = hc_gateway_settings_load(path, &config, ret_why, cap);

	if (err == HC_OK)
		*ret_log_level = config.log_level;
	return err;
}

static enum hc_err serve(void)
{
	return hc_process_serve(&config);
}

static enum hc_err make_certificate(void)
{
	return hc_first_certificate(&config, hc_clock_system());
}

int main(int argc, char **argv)
{
	static const struct hc_daemon daemon = {.name = PROGRAM,
						.usage = usage,
						.config = HC_SYSCONF_DIR "/gateway.conf",
						.load = load,
						.serve = serve,
						.task_option = "make-certificate",
						.task = make_certificate,
						.check_store = hc_gateway_check_store};

	return hc_daemon_main(&daemon, argc, argv);
}
