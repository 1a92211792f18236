/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "backup key create", "backup create" and "seal rotate".
 *
 * State: the file that is written. What comes from a daemon is sealed for the recovery key: nothing of it can be read
 * here. The recovery key itself is in this process once, when it is made, and goes into its file alone. A backup is
 * there whole or not at all, and never takes the place of a file that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/secret.h"

#include "command.h"
#include "json.h"
#include "list.h"
#include "place.h"
#include "request.h"

#define PATH_CAP 4200
#define TEXT_CAP 1024

static const char KEY_REMARK[] =
	"# HospiConnect: recovery key of backups. Whoever has it and a backup has every secret in it.\n"
	"# Keep it apart from this machine and from the backups; print it. Without it no backup opens.\n";

/* ---- the recovery key ---- */

static enum hc_err write_key(const char *path, const struct hc_secret *recovery)
{
	HC_AUTO(secret) digits = NULL;
	HC_AUTO(secret) text = NULL;
	enum hc_err err = hc_backup_key_print(recovery, &digits);

	if (err == HC_OK)
		err = hc_secret_new(TEXT_CAP, &text);
	if (err == HC_OK)
		err = hc_secret_append(text, KEY_REMARK, sizeof(KEY_REMARK) - 1);
	if (err == HC_OK)
		err = hc_secret_append(text, hc_secret_data(digits), hc_secret_len(digits));
	return err == HC_OK ? hc_file_create(path, 0600, hc_secret_data(text), hc_secret_len(text)) : err;
}

/* The half that stays, for a daemon that is set up here. HC_ERR_NOTFOUND: it is not. */
static enum hc_err place_sealing(const struct hc_secret *sealing, const struct hc_place *place)
{
	char path[PATH_CAP];
	struct stat facts;
	enum hc_err err;

	if (stat(place->state_dir, &facts) != 0)
		return errno == ENOENT ? HC_ERR_NOTFOUND : HC_ERR_PERM;
	(void)snprintf(path, sizeof(path), "%s/" HC_BACKUP_SEALING_FILE, place->state_dir); /* fits */
	err = hc_file_replace(path, 0600, hc_secret_data(sealing), hc_secret_len(sealing));
	/* To whom the directory belongs, as the daemon's other files do. */
	if (err == HC_OK && geteuid() == 0 && lchown(path, facts.st_uid, facts.st_gid) != 0)
		err = HC_ERR_PERM;
	return err;
}

static enum hc_ctl_status place_all(const struct hc_ctl *ctl, const struct hc_args *args,
				    const struct hc_secret *sealing, unsigned *ret_placed)
{
	enum hc_ctl_status status = HC_CTL_DONE;
	static const enum hc_backup_store stores[] = {HC_BACKUP_AUTHD, HC_BACKUP_GATEWAY};
	struct hc_place place;

	*ret_placed = 0;
	for (size_t i = 0; i < HC_COUNT(stores); i++) {
		hc_place_find(args, stores[i], &place);
		const enum hc_err err = place_sealing(sealing, &place);

		if (err != HC_OK && err != HC_ERR_NOTFOUND) {
			hc_ctl_complain(ctl, "ctl.backup.not_placed",
					HC_ARGS(place.state_dir, hc_strerror(err)));
			status = HC_CTL_FAILED;
		}
		*ret_placed += err == HC_OK ? 1 : 0;
	}
	if (*ret_placed > 0 || status != HC_CTL_DONE)
		return status;
	hc_ctl_complain(ctl, "ctl.backup.nowhere", NULL);
	return HC_CTL_FAILED;
}

static void tell_key(const struct hc_ctl *ctl, const char *path, const char *id)
{
	struct hc_json json;

	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_text(&json, "file", path);
		hc_json_text(&json, "recovery_key", id);
		hc_json_close(&json);
		return;
	}
	hc_ctl_say(ctl, stdout, "ctl.backup.key_made", HC_ARGS(path, id));
}

enum hc_ctl_status hc_cmd_backup_key(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(secret) recovery = NULL;
	HC_AUTO(secret) sealing = NULL;
	const char *path = args->operands[0];
	char id[HC_BACKUP_KEY_ID_CAP];
	unsigned placed = 0;
	enum hc_ctl_status status;
	enum hc_err err = hc_crypto_start();

	if (err == HC_OK)
		err = hc_backup_key_new(&recovery);
	if (err == HC_OK)
		err = hc_backup_key_sealing(recovery, &sealing);
	if (err == HC_OK)
		err = hc_backup_key_id(sealing, id);
	if (err == HC_OK)
		err = write_key(path, recovery);
	if (err != HC_OK) {
		hc_ctl_complain(ctl, err == HC_ERR_EXISTS ? "ctl.backup.exists" : "ctl.backup.not_written",
				HC_ARGS(path, hc_strerror(err)));
		return HC_CTL_FAILED;
	}
	status = place_all(ctl, args, sealing, &placed);
	/* One daemon may seal for it although the other one does not: then the key is all that opens its backups. */
	if (placed > 0)
		tell_key(ctl, path, id);
	else
		(void)unlink(path); /* a key that nothing is sealed for would only mislead */
	return status;
}

/* ---- a backup ---- */

struct taking {
	const struct hc_ctl *ctl;
	int fd;
	bool shows; /* how far it is, on standard error */
	unsigned shown;
	uint64_t total, taken;
};

static void show(struct taking *taking)
{
	const unsigned percent = (unsigned)(taking->total == 0 ? 0 : taking->taken * 100 / taking->total);

	if (!taking->shows || percent == taking->shown)
		return;
	taking->shown = percent;
	(void)fprintf(stderr, "\r%3u %%%s", percent, percent == 100 ? "\r     \r" : "");
	(void)fflush(stderr);
}

static enum hc_err take_piece(const struct hc_msg *row, void *ctx)
{
	struct taking *taking = ctx;
	const uint8_t *data = NULL;
	size_t len = 0;

	if (hc_msg_bytes(row, HC_FIELD_BACKUP_DATA, &data, &len) != HC_OK || len == 0)
		return HC_ERR_PROTOCOL;
	if (taking->taken == 0 && hc_msg_u64(row, HC_FIELD_BACKUP_TOTAL, &taking->total) != HC_OK)
		return HC_ERR_PROTOCOL;
	taking->taken += len;
	if (taking->taken > taking->total)
		return HC_ERR_PROTOCOL;
	while (len > 0) {
		const ssize_t written = write(taking->fd, data, len);

		if (written < 0 && errno != EINTR)
			return errno == ENOSPC || errno == EDQUOT ? HC_ERR_FULL : HC_ERR_IO;
		if (written > 0) {
			data += written;
			len -= (size_t)written;
		}
	}
	show(taking);
	return HC_OK;
}

static enum hc_err sync_folder(const char *path)
{
	char folder[PATH_CAP];
	char *slash;
	int fd;
	bool synced;

	(void)snprintf(folder, sizeof(folder), "%s", path); /* fits, as the caller has seen */
	slash = strrchr(folder, '/');
	if (slash == NULL)
		(void)snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder ? 1 : 0] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	synced = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd); /* fsync has said what there was to say */
	return synced ? HC_OK : HC_ERR_IO;
}

/* Its name is the last thing that it gets, and only where nobody has it. */
static enum hc_err name_file(int fd, const char *draft, const char *path)
{
	if (fsync(fd) != 0)
		return HC_ERR_IO;
	if (link(draft, path) != 0)
		return errno == EEXIST ? HC_ERR_EXISTS : HC_ERR_IO;
	return sync_folder(path);
}

static enum hc_ctl_status take_backup(const struct hc_ctl *ctl, const char *draft, struct taking *taking,
				      const char *path)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(ctl, HC_MSG_BACKUP, &request);

	if (err != HC_OK)
		return hc_request_failed(ctl, err);
	status = hc_request_run(ctl, request, take_piece, taking, &reply);
	if (taking->shows && taking->shown > 0)
		(void)fputs("\r     \r", stderr);
	if (status != HC_CTL_DONE)
		return status;
	if (taking->taken != taking->total || taking->total == 0)
		return hc_request_failed(ctl, HC_ERR_PROTOCOL);
	err = name_file(taking->fd, draft, path);
	if (err == HC_OK)
		return HC_CTL_DONE;
	hc_ctl_complain(ctl, err == HC_ERR_EXISTS ? "ctl.backup.exists" : "ctl.backup.not_written",
			HC_ARGS(path, strerrordesc_np(errno)));
	return HC_CTL_FAILED;
}

static void tell_backup(const struct hc_ctl *ctl, const char *path, uint64_t bytes)
{
	struct hc_json json;
	char number[32];

	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_text(&json, "file", path);
		hc_json_unsigned(&json, "bytes", bytes);
		hc_json_close(&json);
		return;
	}
	(void)snprintf(number, sizeof(number), "%" PRIu64, bytes);
	if (ctl->table)
		hc_ctl_say(ctl, stdout, "ctl.backup.made", HC_ARGS(path, number));
}

enum hc_ctl_status hc_cmd_backup_create(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const struct hc_ctl asked = hc_args_flag(args, "gateway") ? hc_ctl_at_gateway(ctl) : *ctl;
	const char *path = args->operands[0];
	struct taking taking = {.ctl = &asked, .shows = ctl->table && isatty(STDERR_FILENO) == 1};
	char draft[PATH_CAP];
	enum hc_ctl_status status;

	if (access(path, F_OK) == 0) {
		hc_ctl_complain(ctl, "ctl.backup.exists", HC_ARGS(path, ""));
		return HC_CTL_FAILED;
	}
	if (snprintf(draft, sizeof(draft), "%s.XXXXXX", path) >= (int)sizeof(draft) ||
	    (taking.fd = mkostemp(draft, O_CLOEXEC)) < 0) {
		hc_ctl_complain(ctl, "ctl.backup.not_written", HC_ARGS(path, strerrordesc_np(errno)));
		return HC_CTL_FAILED;
	}
	status = take_backup(&asked, draft, &taking, path);
	(void)close(taking.fd); /* fsync has said what there was to say */
	(void)unlink(draft);	/* the file has its name, or is nothing */
	if (status == HC_CTL_DONE)
		tell_backup(ctl, path, taking.taken);
	return status;
}

/* ---- the seal key ---- */

enum hc_ctl_status hc_cmd_seal_rotate(const struct hc_ctl *ctl, const struct hc_args *args)
{
	HC_AUTO(msg) request = NULL;
	const bool gateway = hc_args_flag(args, "gateway");
	const struct hc_ctl asked = gateway ? hc_ctl_at_gateway(ctl) : *ctl;
	struct hc_reply reply;
	struct hc_json json;
	char count[32];
	enum hc_ctl_status status;
	enum hc_err err = hc_request_new(&asked, HC_MSG_SEAL_ROTATE, &request);

	if (err != HC_OK)
		return hc_request_failed(&asked, err);
	status = hc_request_run(&asked, request, NULL, NULL, &reply);
	if (status != HC_CTL_DONE)
		return status;
	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
		hc_json_bool(&json, "done", !gateway);
		hc_json_unsigned(&json, "sealed_anew", reply.count);
		hc_json_close(&json);
		return status;
	}
	(void)snprintf(count, sizeof(count), "%" PRIu64, reply.count);
	hc_ctl_say(ctl, stdout, gateway ? "ctl.seal.waits" : "ctl.seal.rotated", HC_ARGS(count));
	return status;
}
