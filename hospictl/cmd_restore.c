/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "backup verify" and "backup restore".
 *
 * State: the backup that was unpacked. Threats: a store that is in use, or that somebody still needs (refused; with --force
 * it is moved aside, never deleted), a backup that is not sound (nothing is put in place before the daemon itself has
 * read all of it), a crash in the middle (the database gets its name last). What a restored store must not let
 * come back is the daemon's to settle, at its first start: the copy is marked, and is no store before that.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/backup.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"

#include "command.h"
#include "json.h"
#include "list.h"
#include "place.h"
#include "unpack.h"
#include "when.h"

#define PATH_CAP 4200
/* Where SQLite locks a file (os.h: PENDING_BYTE and what follows). */
#define LOCK_AT	 0x40000000
#define LOCK_LEN 512

/* ---- what is in it ---- */

static void put_text(const struct hc_ctl *ctl, struct hc_json *json, const char *name, const char *text)
{
	char shown[1024];

	if (ctl->json) {
		hc_json_text(json, name, text);
		return;
	}
	hc_ctl_escape(text, shown, sizeof(shown));
	hc_view_line(ctl, name, shown);
}

static void put_number(const struct hc_ctl *ctl, struct hc_json *json, const char *name, int64_t number)
{
	char text[32];

	if (number < 0)
		return; /* nothing is known of it */
	if (ctl->json) {
		hc_json_number(json, name, number);
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRId64, number);
	hc_view_line(ctl, name, text);
}

static void put_time(const struct hc_ctl *ctl, struct hc_json *json, const char *name, int64_t ms)
{
	char text[HC_WHEN_CAP];

	if (ms < 0)
		return;
	if (ctl->table)
		hc_when_local(ms, text, sizeof(text));
	else
		hc_when_utc(ms, false, text, sizeof(text));
	put_text(ctl, json, name, text);
}

static void tell(const struct hc_ctl *ctl, const struct hc_unpack *unpack)
{
	const struct hc_backup_manifest *manifest = hc_backup_manifest(unpack->backup);
	const struct hc_unpack_facts *facts = &unpack->facts;
	struct hc_json json;

	if (ctl->json) {
		hc_json_init(&json, stdout);
		hc_json_object(&json, NULL);
	}
	put_text(ctl, &json, "store", manifest->store == HC_BACKUP_AUTHD ? "authd" : "gateway");
	put_text(ctl, &json, "machine", manifest->machine);
	put_time(ctl, &json, "made", manifest->time_ms);
	put_text(ctl, &json, "version", manifest->version);
	put_number(ctl, &json, "schema", manifest->schema);
	put_text(ctl, &json, "recovery_key", unpack->key_id);
	put_number(ctl, &json, "persons", facts->persons);
	put_number(ctl, &json, "credentials", facts->credentials);
	put_number(ctl, &json, "clients", facts->clients);
	put_number(ctl, &json, "secrets", facts->secrets);
	put_number(ctl, &json, "audit_seq", facts->audit_seq);
	put_time(ctl, &json, "audit_newest", facts->audit_newest_ms);
	if (ctl->json)
		hc_json_close(&json);
}

enum hc_ctl_status hc_cmd_backup_verify(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const char *parent = getenv("TMPDIR");
	struct hc_unpack unpack;
	struct hc_place place;
	bool sound = hc_unpack_open(ctl, args, &unpack);

	if (sound) {
		hc_place_find(args, hc_backup_manifest(unpack.backup)->store, &place);
		sound = hc_unpack_into(&unpack, parent != NULL && parent[0] == '/' ? parent : "/var/tmp",
				       &place);
	}
	if (sound)
		tell(ctl, &unpack);
	if (sound && ctl->table)
		hc_ctl_say(ctl, stdout, "ctl.backup.sound", NULL);
	hc_unpack_close(&unpack);
	return sound ? HC_CTL_DONE : HC_CTL_FAILED;
}

/* ---- putting it in place ---- */

struct restore {
	const struct hc_ctl *ctl;
	const struct hc_place *place;
	const char *seal_key; /* where the key goes */
	bool force;
	char stamp[32];
};

static bool complain(const struct restore *restore, const char *text, const char *path)
{
	hc_ctl_complain(restore->ctl, text, HC_ARGS(path, strerrordesc_np(errno)));
	return false;
}

/* Both daemons hold a lock of SQLite's for as long as they run. */
static bool in_use(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_AT, .l_len = LOCK_LEN};
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	bool held;

	if (fd < 0)
		return errno != ENOENT; /* what cannot be asked is not touched */
	held = fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
	(void)close(fd); /* nothing was written */
	return held;
}

static bool move_aside(const struct restore *restore, const char *path, const char *suffix, const char *from)
{
	char to[PATH_CAP + 64];

	(void)snprintf(to, sizeof(to), "%s.before-%s%s", path, restore->stamp, suffix);
	return rename(from, to) == 0 ? true : complain(restore, "ctl.restore.not_moved", from);
}

/*
 * Nothing is there, or it may be moved aside. What has lost its store counts as well: SQLite would play a log into
 * whatever database lies beside it, and with it the mark of the copy would go.
 */
static bool make_room(const struct restore *restore, const char *database)
{
	const struct {
		const char *path, *suffix;
	} files[] = {{database, ""},	     {database, "-wal"},      {database, "-shm"},
		     {database, "-journal"}, {restore->seal_key, ""}, {restore->seal_key, ".new"}};
	char name[PATH_CAP];
	struct stat facts;

	for (size_t i = 0; i < HC_COUNT(files); i++) {
		(void)snprintf(name, sizeof(name), "%.4000s%s", files[i].path,
			       files[i].suffix); /* paths of a configuration are short */
		if (lstat(name, &facts) != 0 && errno == ENOENT)
			continue;
		if (!restore->force) {
			hc_ctl_complain(restore->ctl, "ctl.restore.exists", HC_ARGS(name));
			return false;
		}
		if (!move_aside(restore, files[i].path, files[i].suffix, name))
			return false;
	}
	return true;
}

static bool give(const struct restore *restore, const char *path)
{
	if (!restore->place->owner_known || lchown(path, restore->place->uid, restore->place->gid) == 0)
		return true;
	return complain(restore, "ctl.restore.not_given", path);
}

static bool make_directory(const struct restore *restore)
{
	const char *path = restore->place->state_dir;

	if (geteuid() == 0 && !restore->place->owner_known) {
		hc_ctl_complain(restore->ctl, "ctl.restore.no_user", HC_ARGS(restore->place->user));
		return false;
	}
	if (mkdir(path, 0700) == 0)
		return give(restore, path);
	return errno == EEXIST ? true : complain(restore, "ctl.restore.no_directory", path);
}

static bool sync_directory(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool synced = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd); /* fsync has said what there was to say */
	return synced;
}

static bool put_in_place(const struct restore *restore, const struct hc_unpack *unpack, const char *database)
{
	const struct hc_secret *key = hc_backup_seal_key(unpack->backup);
	char from[PATH_CAP];

	(void)snprintf(from, sizeof(from), "%.4000s/%s", unpack->directory, unpack->database); /* short */
	if (!make_room(restore, database) || !give(restore, from))
		return false;
	if (hc_file_create(restore->seal_key, 0600, hc_secret_data(key), hc_secret_len(key)) != HC_OK)
		return complain(restore, "ctl.restore.not_written", restore->seal_key);
	if (!give(restore, restore->seal_key))
		return false;
	if (rename(from, database) != 0 || !sync_directory(restore->place->state_dir))
		return complain(restore, "ctl.restore.not_written", database);
	return true;
}

static bool restore_store(struct restore *restore, struct hc_unpack *unpack)
{
	char database[PATH_CAP];

	(void)snprintf(database, sizeof(database), "%s/%s", restore->place->state_dir,
		       restore->place->database); /* paths of a configuration are short */
	if (!make_directory(restore))
		return false;
	if (in_use(database)) {
		hc_ctl_complain(restore->ctl, "ctl.restore.in_use",
				HC_ARGS(database, restore->place->program));
		return false;
	}
	/* Said before the work, not after it. */
	if (!restore->force && !make_room(restore, database))
		return false;
	return hc_unpack_into(unpack, restore->place->state_dir, restore->place) &&
	       put_in_place(restore, unpack, database);
}

enum hc_ctl_status hc_cmd_backup_restore(const struct hc_ctl *ctl, const struct hc_args *args)
{
	const time_t now = (time_t)(hc_now_ms(ctl->clock) / 1000);
	const char *key = hc_args_value(args, "seal-key");
	struct hc_place place;
	struct restore restore = {.ctl = ctl, .place = &place, .force = hc_args_flag(args, "force")};
	struct hc_unpack unpack;
	struct tm when = {0};
	bool done = hc_unpack_open(ctl, args, &unpack);

	(void)gmtime_r(&now, &when); /* a clock out of range only names a file */
	(void)strftime(restore.stamp, sizeof(restore.stamp), "%Y%m%dT%H%M%SZ", &when);
	if (done) {
		hc_place_find(args, hc_backup_manifest(unpack.backup)->store, &place);
		restore.seal_key = key != NULL ? key : place.seal_key;
		done = restore_store(&restore, &unpack);
	}
	if (done)
		tell(ctl, &unpack);
	if (done && !ctl->json)
		hc_ctl_say(ctl, ctl->table ? stdout : stderr,
			   hc_backup_manifest(unpack.backup)->store == HC_BACKUP_AUTHD
				   ? "ctl.restore.done"
				   : "ctl.restore.done.gateway",
			   HC_ARGS(place.program));
	hc_unpack_close(&unpack);
	return done ? HC_CTL_DONE : HC_CTL_FAILED;
}
