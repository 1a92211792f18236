/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a backup, and another seal key.
 *
 * State: the record of it, then the copy, then what seals it; a small step a call, so that people go on signing in.
 * Threats: an administrator who may ask for a backup and yet must not read keys: nothing leaves this process but what only
 * the recovery key opens, and which key that is stands in a file of the gateway's user. A new seal key is made here and
 * used from the next start on, since the loops share the seal. It must never send a byte that is not sealed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin_request.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/seal_change.h"
#include "hospiconnect/secret.h"
#include "process/settle.h"
#include "store/copy.h"

#define COPY_PAGES 16 /* a step; up to 32 of them before anybody else has a turn */
#define PATH_CAP   (HC_GATEWAY_PATH_MAX + 32)

struct backup {
	struct hc_gstore_copy *copy;   /* until it is done */
	struct hc_backup_maker *maker; /* from then on */
	struct hc_secret *sealing;
};

static void backup_free(void *state)
{
	struct backup *backup = state;

	hc_gstore_copy_free(&backup->copy);
	hc_backup_maker_free(&backup->maker);
	hc_secret_free(&backup->sealing);
	free(backup);
}

/* ---- the pieces ---- */

static enum hc_err begin_sealing(const struct hc_admin_request *request, struct backup *backup)
{
	const struct hc_gateway *gateway = &request->process->gateway;
	struct hc_backup_manifest manifest = {.store = HC_BACKUP_GATEWAY, .version = HC_VERSION};
	int fd = -1;
	enum hc_err err = hc_gstore_copy_take(backup->copy, &fd, &manifest.len);

	hc_gstore_copy_free(&backup->copy);
	if (err != HC_OK)
		return err;
	manifest.schema = (uint32_t)hc_gstore_schema_version(gateway->store);
	manifest.time_ms = hc_admin_now(request);
	if (gethostname(manifest.machine, sizeof(manifest.machine) - 1) != 0)
		manifest.machine[0] = '\0'; /* for people alone */
	return hc_backup_maker_new(backup->sealing, &manifest, hc_seal_key(gateway->seal), fd,
				   &backup->maker);
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_request *request = ctx;
	struct backup *backup = request->answer.state;
	bool done = false;
	enum hc_err err;

	*ret_more = true;
	if (backup->copy != NULL) {
		err = hc_gstore_copy_step(backup->copy, COPY_PAGES, &done);
		return err == HC_OK && done ? begin_sealing(request, backup) : err;
	}
	*ret_ready = true;
	return hc_backup_maker_row(backup->maker, out, ret_more);
}

/* ---- the request ---- */

static enum hc_err record_work(struct hc_gstore_tx *tx, struct hc_admin_act *act)
{
	struct hc_outbox_record *record = act->state;

	return hc_outbox_add(tx, record);
}

static enum hc_err begin_copy(struct hc_admin_request *request)
{
	const struct hc_gateway_config *config = &request->process->gateway.config;
	struct backup *backup = hc_admin_rows(request, sizeof(*backup), produce);
	char path[PATH_CAP];
	enum hc_err err;

	if (backup == NULL)
		return HC_OK; /* refused */
	request->answer.state_free = backup_free;
	err = hc_backup_key_read(config->state_dir, &backup->sealing);
	(void)snprintf(path, sizeof(path), "%s/gateway.db",
		       config->state_dir); /* fits: the directory has at most HC_GATEWAY_PATH_MAX bytes */
	return err == HC_OK ? hc_gstore_copy_new(path, config->state_dir, &backup->copy) : err;
}

static void recorded(struct hc_admin_request *request, struct hc_admin_act *act, enum hc_err result)
{
	const struct hc_outbox_record *record = act->state;
	const bool backup = result == HC_OK && record->event == HC_OUTBOX_BACKUP;
	enum hc_err err = backup && record->success ? begin_copy(request) : result;

	if (err != HC_OK)
		hc_admin_trouble(request, err);
	else if (backup && !record->success)
		hc_answer_refuse(&request->answer, HC_ERR_NOTFOUND, HC_REASON_BACKUP_KEY_MISSING, NULL);
}

/* The record first: what the copy holds tells of it. */
static void begin(struct hc_admin_request *request, enum hc_outbox_event event, enum hc_reason reason,
		  const char *detail)
{
	struct hc_admin_act *act = hc_admin_act_new(request, sizeof(struct hc_outbox_record));
	struct hc_outbox_record *record = act == NULL ? NULL : act->state;

	if (record == NULL)
		return;
	*record = hc_admin_record(act, event);
	record->success = reason == HC_REASON_NONE;
	record->reason = reason;
	(void)snprintf(record->detail, sizeof(record->detail), "%s", detail); /* fits */
	act->work = record_work;
	act->done = recorded;
	hc_admin_act_begin(act);
}

void hc_admin_backup(struct hc_admin_request *request, const struct hc_msg *msg)
{
	HC_AUTO(secret) sealing = NULL;
	char id[HC_BACKUP_KEY_ID_CAP] = "", detail[64] = "";
	enum hc_err err = hc_backup_key_read(request->process->gateway.config.state_dir, &sealing);

	(void)msg; /* has nothing that matters here */
	if (err == HC_OK)
		err = hc_backup_key_id(sealing, id);
	if (err != HC_OK)
		hc_log(HC_LOG_WARNING, "no backup without the sealing half of a recovery key",
		       HC_F_TEXT("file", HC_BACKUP_SEALING_FILE), HC_F_TEXT("reason", hc_strerror(err)));
	else
		(void)snprintf(detail, sizeof(detail), "recovery key %s", id); /* fits */
	begin(request, HC_OUTBOX_BACKUP, err == HC_OK ? HC_REASON_NONE : HC_REASON_BACKUP_KEY_MISSING,
	      detail);
}

void hc_admin_seal_rotate(struct hc_admin_request *request, const struct hc_msg *msg)
{
	char path[PATH_CAP];
	enum hc_err err = HC_ERR_PERM;

	(void)msg; /* has nothing that matters here */
	hc_settle_key_path(request->process, path, sizeof(path));
	if (!request->process->gateway.seal_given)
		err = hc_seal_change_begin(path);
	if (err == HC_OK)
		begin(request, HC_OUTBOX_SEAL_ROTATE, HC_REASON_NONE, "a new key, from the next start on");
	else if (err == HC_ERR_PERM)
		hc_answer_refuse(&request->answer, err, HC_REASON_SEAL_KEY_ELSEWHERE, NULL);
	else if (err == HC_ERR_EXISTS)
		hc_answer_refuse(&request->answer, HC_ERR_STATE, HC_REASON_SEAL_KEY_WAITING, NULL);
	else
		hc_admin_trouble(request, err);
}
