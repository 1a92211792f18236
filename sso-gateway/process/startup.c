/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to a serving gateway, and back.
 *
 * State: the process, taken down in reverse. What needs root comes first and reads nothing: who we
 * become, who administers, the state directory, the sockets. Then root is dropped for good, and only
 * then are secrets opened and clients heard. Whatever is missing or wrong, the gateway ends with one
 * line that says what to do.
 */
#include "process/process.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "hospiconnect/confine.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/program.h"
#include "hospiconnect/seal_place.h"
#include "hospiconnect/sockets.h"

static enum hc_err settle_identity(struct hc_process *process)
{
	struct hc_admin_rules *rules = &process->admin_rules;
	enum hc_err err = HC_OK;

	process->as_root = geteuid() == 0;
	process->identity = (struct hc_identity){.uid = geteuid(), .gid = getegid()};
	if (process->as_root)
		err = hc_privilege_user(process->gateway.config.user, &process->identity);
	if (err != HC_OK)
		return err;
	if (process->identity.uid == 0)
		hc_log_plain(HC_LOG_WARNING,
			     "the gateway keeps root, as `user` says: for tests only, never on a network");
	rules->own_uid_too = !process->as_root;
	rules->own_uid = process->identity.uid;
	rules->has_group = hc_privilege_group(HC_ADMIN_GROUP, &rules->group);
	if (!rules->has_group)
		hc_log(HC_LOG_NOTICE, "no such group: only root administers",
		       HC_F_TEXT("group", HC_ADMIN_GROUP));
	return HC_OK;
}

static enum hc_err open_admin_socket(struct hc_process *process)
{
	const struct hc_socket_plan plan = {.path = process->gateway.config.admin_socket,
					    .mode = 0660,
					    .has_group = process->as_root && process->admin_rules.has_group,
					    .group = process->admin_rules.group,
					    .other_owner = process->identity.uid};

	return hc_sockets_bind(&plan, &process->admin_fd);
}

/* Before the first thread: every thread inherits the mask, and the main one alone reads signals. */
static enum hc_err catch_signals(struct hc_process *process)
{
	sigset_t set;

	if (sigemptyset(&set) != 0 || sigaddset(&set, SIGTERM) != 0 || sigaddset(&set, SIGINT) != 0 ||
	    sigaddset(&set, SIGHUP) != 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return HC_ERR_IO;
	process->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return process->signals >= 0 ? HC_OK : HC_ERR_IO;
}

static enum hc_err start_as_root(struct hc_process *process)
{
	const struct hc_gateway_config *config = &process->gateway.config;
	enum hc_err err = settle_identity(process);

	if (err == HC_OK)
		err = hc_state_dir_make(config->state_dir, &process->identity);
	if (err == HC_OK)
		err = open_admin_socket(process);
	if (err == HC_OK)
		err = hc_listeners_open(process);
	if (err == HC_OK)
		err = hc_seal_credential(config->seal_key_file, &process->gateway.seal);
	process->gateway.seal_given = process->gateway.seal != NULL;
	return err;
}

static enum hc_err start(struct hc_process *process)
{
	struct hc_http_tls *tls = NULL;
	enum hc_err err = catch_signals(process);

	if (err != HC_OK)
		hc_log_plain(HC_LOG_ERROR, "cannot receive signals");
	if (err == HC_OK)
		err = start_as_root(process);
	if (err == HC_OK && process->as_root)
		err = hc_privilege_drop(&process->identity);
	if (err == HC_OK && process->identity.uid != 0)
		err = hc_privilege_shed();
	if (err == HC_OK) {
		hc_descriptors_raise(0);
		err = hc_certificate_load(process, &tls);
	}
	if (err == HC_OK)
		err = hc_certificate_use(process, tls);
	hc_http_tls_unref(&tls);
	if (err == HC_OK)
		err = hc_process_open(process);
	/* All listens, and nothing but the broker will be connected to. The store's thread is confined with this one; no
	   loop runs yet. */
	if (err == HC_OK)
		err = hc_confine(HC_CONFINE_GATEWAY);
	if (err == HC_ERR_NOMEM)
		hc_log_plain(HC_LOG_ERROR, "not enough memory to start");
	return err;
}

static void take_down(struct hc_process *process)
{
	hc_listeners_close(process);
	hc_process_close(process);
	hc_listeners_free(process);
	hc_seal_free(&process->gateway.seal);
	if (process->admin_fd >= 0)
		(void)close(process->admin_fd); /* nothing was written */
	if (process->signals >= 0)
		(void)close(process->signals); /* only read from */
}

enum hc_err hc_process_serve(const struct hc_gateway_config *config)
{
	struct hc_process *process = calloc(1, sizeof(*process));
	enum hc_err err = HC_OK;

	if (process == NULL)
		return HC_ERR_NOMEM;
	process->gateway.config = *config;
	process->gateway.clock = hc_clock_system();
	process->started_ms = hc_now_ms(process->gateway.clock);
	process->started_mono_ms = hc_mono_ms(process->gateway.clock);
	process->admin_fd = -1;
	process->signals = -1;
	process->ended = -1;
	err = hc_crypto_start();
	if (err == HC_OK)
		err = start(process);
	if (err == HC_OK)
		err = hc_process_run(process);
	take_down(process);
	free(process);
	return err;
}
