/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup taken apart: opened with the recovery key, laid down in a directory of its own, judged by the daemon that
 * it is for.
 *
 * State: struct hc_unpack. Threats: a backup that was changed or cut (nothing of it counts before its last chunk was
 * opened), one of another trail than it says (the head that was sealed with it against what the store holds), plain
 * data left behind (the directory is ours alone, and goes with us, also where somebody breaks off). It must never touch
 * a store that is in use.
 */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/crypto.h"
#include "hospiconnect/file.h"
#include "hospiconnect/secret.h"

#include "cell.h"
#include "child.h"
#include "input.h"

#define KEY_FILE_MAX 4096
#define OUTPUT_CAP   4096
#define PATH_CAP     (HC_UNPACK_CAP + 32)

static const char *text_of(enum hc_err err)
{
	switch (err) {
	case HC_ERR_INVALID:
		return "ctl.backup.foreign";
	case HC_ERR_STATE:
		return "ctl.backup.newer";
	case HC_ERR_PERM:
		return "ctl.backup.other_key";
	case HC_ERR_SEAL:
	case HC_ERR_CORRUPT:
		return "ctl.backup.damaged";
	case HC_ERR_FULL:
		return "ctl.backup.full";
	case HC_OK:
	case HC_ERR_NOMEM:
	case HC_ERR_TOOBIG:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_IO:
	case HC_ERR_PROTOCOL:
	case HC_ERR_PEER:
	case HC_ERR_AWAY:
	case HC_ERR_TIMEOUT:
	case HC_ERR_CLOSED:
	case HC_ERR_CRYPTO:
	case HC_ERR_MAX_:
		break;
	}
	return "ctl.backup.trouble";
}

static bool complain(const struct hc_unpack *unpack, enum hc_err err)
{
	hc_ctl_complain(unpack->ctl, text_of(err), HC_ARGS(unpack->path, hc_strerror(err), unpack->key_id));
	return false;
}

/* The key that the backup was sealed for, for a complaint. */
static void name_key(struct hc_unpack *unpack)
{
	uint8_t header[HC_BACKUP_HEADER_LEN];

	if (pread(unpack->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    hc_backup_key_of(header, unpack->key_id) != HC_OK)
		unpack->key_id[0] = '\0';
}

bool hc_unpack_open(const struct hc_ctl *ctl, const struct hc_args *args, struct hc_unpack *unpack)
{
	HC_AUTO(secret) text = NULL;
	HC_AUTO(secret) recovery = NULL;
	const char *key = hc_args_value(args, "key");

	*unpack = (struct hc_unpack){.ctl = ctl, .path = args->operands[0], .fd = -1};
	if (key == NULL) {
		hc_ctl_complain(ctl, "ctl.backup.key_needed", NULL);
		return false;
	}
	enum hc_err err = hc_crypto_start();
	if (err == HC_OK)
		err = hc_input_file(key, KEY_FILE_MAX, &text);
	if (err == HC_OK)
		err = hc_backup_key_parse(text, &recovery);
	if (err != HC_OK) {
		hc_ctl_complain(ctl, "ctl.backup.key_unreadable", HC_ARGS(key, hc_strerror(err)));
		return false;
	}
	unpack->fd = open(unpack->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (unpack->fd < 0) {
		hc_ctl_complain(ctl, "ctl.backup.unreadable", HC_ARGS(unpack->path, strerrordesc_np(errno)));
		return false;
	}
	name_key(unpack);
	err = hc_backup_open(unpack->fd, recovery, &unpack->backup);
	return err == HC_OK ? true : complain(unpack, err);
}

/* ---- laying it down ---- */

/* Whoever breaks off must not leave the seal key and the store behind: the signal comes when they are gone. */
static void hold_signals(struct hc_unpack *unpack)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
	sigset_t set;

	(void)sigemptyset(&set); /* cannot fail, as the next */
	for (size_t i = 0; i < HC_COUNT(numbers); i++)
		(void)sigaddset(&set, numbers[i]);
	unpack->held = sigprocmask(SIG_BLOCK, &set, &unpack->former) == 0;
}

static enum hc_err write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		const ssize_t written = write(fd, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == ENOSPC || errno == EDQUOT ? HC_ERR_FULL : HC_ERR_IO;
		data += written;
		len -= (size_t)written;
	}
	return HC_OK;
}

static enum hc_err write_database(struct hc_unpack *unpack, const char *path)
{
	uint8_t data[HC_BACKUP_CHUNK];
	size_t len = 1;
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum hc_err err = fd < 0 ? HC_ERR_IO : HC_OK;

	while (err == HC_OK && len > 0) {
		err = hc_backup_read(unpack->backup, data, &len);
		if (err == HC_OK)
			err = write_all(fd, data, len);
	}
	hc_scrub(data, sizeof(data));
	if (err == HC_OK && fsync(fd) != 0)
		err = HC_ERR_IO;
	if (fd >= 0)
		(void)close(fd); /* fsync has said what there was to say */
	return err;
}

static enum hc_err lay_down(struct hc_unpack *unpack, const char *parent)
{
	const struct hc_secret *key = hc_backup_seal_key(unpack->backup);
	char path[PATH_CAP];
	enum hc_err err;

	if (snprintf(unpack->directory, sizeof(unpack->directory), "%s/restore-XXXXXX", parent) >=
		    (int)sizeof(unpack->directory) ||
	    mkdtemp(unpack->directory) == NULL) {
		unpack->directory[0] = '\0';
		return errno == ENOSPC ? HC_ERR_FULL : HC_ERR_IO;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", unpack->directory, unpack->database); /* fits */
	err = write_database(unpack, path);
	(void)snprintf(path, sizeof(path), "%s/seal.key", unpack->directory); /* fits */
	return err == HC_OK ? hc_file_create(path, 0600, hc_secret_data(key), hc_secret_len(key)) : err;
}

/* ---- the daemon's judgement ---- */

static void take_number(const char *value, int64_t *out)
{
	char *end = NULL;
	const long long number = strtoll(value, &end, 10);

	if (end != value && *end == '\0' && number >= 0)
		*out = number;
}

static void take_fact(struct hc_unpack_facts *facts, const char *name, const char *value)
{
	const struct {
		const char *name;
		int64_t *number;
	} numbers[] = {{"persons", &facts->persons},	 {"credentials", &facts->credentials},
		       {"clients", &facts->clients},	 {"secrets", &facts->secrets},
		       {"audit_seq", &facts->audit_seq}, {"audit_newest_ms", &facts->audit_newest_ms}};

	for (size_t i = 0; i < HC_COUNT(numbers); i++) {
		if (strcmp(numbers[i].name, name) == 0)
			take_number(value, numbers[i].number);
	}
	if (strcmp(name, "audit_hash") == 0)
		(void)snprintf(facts->audit_hash, sizeof(facts->audit_hash), "%s",
			       value); /* cut: not equal */
	if (strcmp(name, "audit_key") == 0)
		(void)snprintf(facts->audit_key, sizeof(facts->audit_key), "%s", value);
}

static void take_facts(struct hc_unpack_facts *facts, char *output)
{
	char *next = NULL;

	*facts = (struct hc_unpack_facts){.persons = -1,
					  .credentials = -1,
					  .clients = -1,
					  .secrets = -1,
					  .audit_seq = -1,
					  .audit_newest_ms = -1};
	for (char *line = output; *line != '\0'; line = next) {
		char *blank = strchr(line, ' ');

		next = line + strcspn(line, "\n");
		if (*next == '\n')
			*next++ = '\0';
		if (blank == NULL || blank >= next)
			continue;
		*blank = '\0';
		take_fact(facts, line, blank + 1);
	}
}

/* The trail in the store is the one whose head was sealed with it, to the last record. */
static bool same_trail(const struct hc_unpack *unpack)
{
	const struct hc_backup_manifest *manifest = hc_backup_manifest(unpack->backup);
	char hash[65], key[65];

	if (manifest->store == HC_BACKUP_GATEWAY)
		return true;
	hc_cell_hex(manifest->audit_hash, sizeof(manifest->audit_hash), hash);
	hc_cell_hex(manifest->audit_key, sizeof(manifest->audit_key), key);
	return unpack->facts.audit_seq == manifest->audit_seq &&
	       strcmp(unpack->facts.audit_hash, hash) == 0 && strcmp(unpack->facts.audit_key, key) == 0;
}

bool hc_unpack_into(struct hc_unpack *unpack, const char *parent, const struct hc_place *place)
{
	char program[PATH_CAP], output[OUTPUT_CAP] = "";
	enum hc_err err;

	unpack->database = place->database;
	if (!hc_child_find(place->program, program, sizeof(program))) {
		hc_ctl_complain(unpack->ctl, "ctl.backup.no_program", HC_ARGS(place->program));
		return false;
	}
	hold_signals(unpack);
	err = lay_down(unpack, parent);
	if (err != HC_OK)
		return complain(unpack, err);
	if (hc_child_run(program, "--check-store", unpack->directory, NULL, false, output, sizeof(output)) !=
	    0) {
		hc_ctl_complain(unpack->ctl, "ctl.backup.unsound", HC_ARGS(unpack->path, place->program));
		return false;
	}
	take_facts(&unpack->facts, output);
	return same_trail(unpack) ? true : complain(unpack, HC_ERR_CORRUPT);
}

static void remove_directory(struct hc_unpack *unpack)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	char path[PATH_CAP];

	if (unpack->directory[0] == '\0')
		return;
	for (size_t i = 0; i < HC_COUNT(suffixes); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s%s", unpack->directory, unpack->database,
			       suffixes[i]);
		(void)unlink(path); /* mostly not there any more */
	}
	(void)snprintf(path, sizeof(path), "%s/seal.key", unpack->directory);
	(void)unlink(path);
	if (rmdir(unpack->directory) != 0)
		hc_ctl_complain(unpack->ctl, "ctl.backup.left_behind", HC_ARGS(unpack->directory));
	unpack->directory[0] = '\0';
}

void hc_unpack_close(struct hc_unpack *unpack)
{
	hc_backup_free(&unpack->backup);
	if (unpack->fd >= 0)
		(void)close(unpack->fd); /* only read from */
	unpack->fd = -1;
	remove_directory(unpack);
	if (unpack->held)
		(void)sigprocmask(SIG_SETMASK, &unpack->former, NULL); /* what it returned is valid */
	unpack->held = false;
}
