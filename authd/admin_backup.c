/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a backup: copied while it is in use, sealed with its key, sent piece by piece.
 *
 * State: the copy, then what seals it; one step a call, so that sign-ins go on. Threats: an administrator who may ask for
 * a backup and yet must not read seeds or the seal key (nothing leaves this process but what only the recovery key
 * opens, and which key that is stands in a file of the broker's user), a copy that outlives its request (it has no
 * name). It must never send a byte that is not sealed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_job.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "hospiconnect/sqlite.h"

#define COPY_PAGES 32 /* a step: 128 KiB, well below a millisecond of disk cache */

struct backup {
	struct hc_sqlite_copy *copy;   /* until it is done */
	struct hc_backup_maker *maker; /* from then on */
	struct hc_secret *sealing;
	char key_id[2 * 8 + 1]; /* of the seal: what is copied is sealed under it, or nothing comes of it */
};

static void backup_free(void *state)
{
	struct backup *backup = state;

	hc_sqlite_copy_free(&backup->copy);
	hc_backup_maker_free(&backup->maker);
	hc_secret_free(&backup->sealing);
	free(backup);
}

/* ---- the pieces ---- */

static enum hc_err describe(const struct hc_authd *authd, struct hc_backup_manifest *manifest)
{
	struct hc_audit_head head;
	enum hc_err err = hc_audit_head(authd->audit, &head);

	*manifest = (struct hc_backup_manifest){.store = HC_BACKUP_AUTHD, .version = HC_VERSION};
	if (err != HC_OK)
		return err;
	manifest->schema = (uint32_t)hc_store_schema_version(authd->store);
	manifest->time_ms = hc_now_ms(authd->clock);
	if (gethostname(manifest->machine, sizeof(manifest->machine) - 1) != 0)
		manifest->machine[0] = '\0'; /* for people alone */
	manifest->audit_seq = head.seq;
	manifest->audit_ms = head.time_ms;
	memcpy(manifest->audit_hash, head.hash, sizeof(head.hash));
	memcpy(manifest->audit_key, head.public_key, sizeof(head.public_key));
	memcpy(manifest->audit_signature, head.signature, sizeof(head.signature));
	return HC_OK;
}

/* The copy is the store of this very call: so is the head of the trail. */
static enum hc_err begin_sealing(const struct hc_authd *authd, struct backup *backup)
{
	struct hc_backup_manifest manifest;
	int fd = -1;
	enum hc_err err = describe(authd, &manifest);

	if (err == HC_OK &&
	    (hc_seal_has_former(authd->seal) || strcmp(hc_seal_key_id(authd->seal), backup->key_id) != 0))
		err = HC_ERR_STATE;
	if (err == HC_OK)
		err = hc_sqlite_copy_take(backup->copy, &fd, &manifest.len);
	hc_sqlite_copy_free(&backup->copy);
	if (err == HC_OK)
		err = hc_backup_maker_new(backup->sealing, &manifest, hc_seal_key(authd->seal), fd,
					  &backup->maker);
	return err;
}

static enum hc_err produce(void *ctx, struct hc_msg *out, bool *ret_ready, bool *ret_more)
{
	struct hc_admin_job *job = ctx;
	struct backup *backup = job->answer.state;
	bool done = false;
	enum hc_err err;

	*ret_more = true;
	if (backup->copy != NULL) {
		err = hc_sqlite_copy_step(backup->copy, COPY_PAGES, &done);
		return err == HC_OK && done ? begin_sealing(job->authd, backup) : err;
	}
	*ret_ready = true;
	return hc_backup_maker_row(backup->maker, out, ret_more);
}

/* ---- the request ---- */

/* Before the copy: the trail of a backup tells of it. */
static enum hc_err record(struct hc_admin_job *job, const struct hc_secret *sealing)
{
	struct hc_audit_entry entry = hc_admin_entry(job, HC_AUDIT_BACKUP, NULL);
	char id[HC_BACKUP_KEY_ID_CAP] = "", detail[64];
	enum hc_err err = HC_OK;

	entry.success = sealing != NULL;
	entry.reason = sealing != NULL ? HC_REASON_NONE : HC_REASON_BACKUP_KEY_MISSING;
	if (sealing != NULL)
		err = hc_backup_key_id(sealing, id);
	(void)snprintf(detail, sizeof(detail), "recovery key %s", id); /* fits */
	entry.detail = id[0] != '\0' ? detail : NULL;
	return err == HC_OK ? hc_audit_note(job->authd->audit, &entry) : err;
}

void hc_admin_backup(struct hc_admin_job *job, const struct hc_msg *request)
{
	struct backup *backup = hc_admin_rows(job, sizeof(*backup), produce);
	enum hc_err err;

	(void)request; /* has no fields */
	if (backup == NULL)
		return;
	job->answer.state_free = backup_free;
	if (hc_seal_has_former(job->authd->seal)) {
		hc_answer_refuse(&job->answer, HC_ERR_STATE, HC_REASON_SEAL_KEY_WAITING, NULL);
		return;
	}
	(void)snprintf(backup->key_id, sizeof(backup->key_id), "%s",
		       hc_seal_key_id(job->authd->seal)); /* fits */
	err = hc_backup_key_read(job->authd->config->state_dir, &backup->sealing);
	if (err == HC_ERR_NOMEM) {
		hc_admin_trouble(job, err);
		return;
	}
	const bool missing = err != HC_OK;
	if (missing)
		hc_log(HC_LOG_WARNING, "no backup without the sealing half of a recovery key",
		       HC_F_TEXT("file", HC_BACKUP_SEALING_FILE), HC_F_TEXT("reason", hc_strerror(err)));
	err = record(job, missing ? NULL : backup->sealing);
	if (err == HC_OK && !missing)
		err = hc_store_copy(job->authd->store, job->authd->config->state_dir, &backup->copy);
	if (err != HC_OK)
		hc_admin_trouble(job, err);
	else if (missing)
		hc_answer_refuse(&job->answer, HC_ERR_NOTFOUND, HC_REASON_BACKUP_KEY_MISSING, NULL);
}
