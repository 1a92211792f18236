/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the helpers of devices are, and what this machine is called.
 *
 * No state. The helpers are looked for where the configuration says; without a word in it beside the running program (a
 * build tree), then where the package puts them, whose units start them. It must never look in a place that a caller or
 * the environment names.
 */
#include "device_place.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"

static bool has_helper(const char *directory, const char *name)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", directory, name);

	return len > 0 && (size_t)len < sizeof(path) && access(path, X_OK) == 0;
}

/* DIRECTORY/../libexec, where DIRECTORY is that of the running program; empty where it is not known. */
static void beside_program(char out[HC_PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	out[0] = '\0';
	if (len <= 0)
		return;
	program[len] = '\0';
	slash = strrchr(program, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	len = snprintf(out, HC_PATH_MAX, "%s/../libexec", program);
	if (len < 0 || len >= HC_PATH_MAX)
		out[0] = '\0';
}

static void find_directory(struct hc_authd *authd)
{
	const char *configured = authd->config->helper_dir;

	if (configured[0] != '\0') {
		snprintf(authd->helper_dir, sizeof(authd->helper_dir), "%s", configured);
		return;
	}
	beside_program(authd->helper_dir);
	if (!has_helper(authd->helper_dir, "hc-fido2"))
		snprintf(authd->helper_dir, sizeof(authd->helper_dir), "%s", HC_HELPER_DIR);
}

/*
 * The packaged broker's own unit keeps devices and network from all that it starts: helpers of the package are started
 * by their units, where these listen.
 */
static const char *find_socket(const struct hc_authd *authd, const char *configured, const char *unit)
{
	struct stat facts;

	if (configured[0] != '\0' || authd->config->helper_dir[0] != '\0' ||
	    strcmp(authd->helper_dir, HC_HELPER_DIR) != 0)
		return configured;
	return stat(unit, &facts) == 0 && S_ISSOCK(facts.st_mode) ? unit : configured;
}

static void find_sockets(struct hc_authd *authd)
{
	const struct hc_authd_config *config = authd->config;

	authd->fido2_socket = find_socket(authd, config->fido2_socket, HC_RUN_DIR "/fido2.sock");
	authd->pkcs11_socket = find_socket(authd, config->pkcs11_socket, HC_RUN_DIR "/pkcs11.sock");
	authd->ocsp_socket = find_socket(authd, config->ocsp_socket, HC_RUN_DIR "/ocsp.sock");
}

void hc_device_place(struct hc_authd *authd)
{
	find_directory(authd);
	find_sockets(authd);
	authd->device_methods = 0;
	if (authd->fido2_socket[0] != '\0' || has_helper(authd->helper_dir, "hc-fido2"))
		authd->device_methods |= HC_METHOD_FIDO2;
	if (authd->config->cps.module[0] != '\0' &&
	    (authd->pkcs11_socket[0] != '\0' || has_helper(authd->helper_dir, "hc-pkcs11")))
		authd->device_methods |= HC_METHOD_CPS;
	if (gethostname(authd->machine, sizeof(authd->machine) - 1) != 0 || authd->machine[0] == '\0')
		snprintf(authd->machine, sizeof(authd->machine), "localhost");
	hc_log(HC_LOG_DEBUG, "devices", HC_F_TEXT("helpers", authd->helper_dir),
	       HC_F_TEXT("security keys",
			 (authd->device_methods & HC_METHOD_FIDO2) != 0 ? "yes" : "no helper"),
	       HC_F_TEXT("cards", (authd->device_methods & HC_METHOD_CPS) != 0 ? "yes" : "no"));
}
