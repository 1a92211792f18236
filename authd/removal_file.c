/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broker that is started anew must know of the sessions that the one before it watched.
 *
 * State: one small file in the state directory, replaced as a whole, messages of the protocol behind one another. Threats: a
 * file that was damaged or was left from before the last boot (a session is taken up again only where logind says that
 * the same process leads it, for the same person, under the same name). It must never keep the broker from starting.
 */
#include "removal_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"

#define FILE_NAME  "watches"
#define PATH_CAP   (HC_PATH_MAX + 32)
#define RECORD_MAX 1200 /* bytes of one, as it is written: its fields are bounded */
#define FILE_MAX   (HC_DEVICES_WATCHES * (RECORD_MAX + 2))

static void path_of(const struct hc_removal *removal, char out[PATH_CAP])
{
	/* Fits: the directory has at most HC_PATH_MAX bytes. */
	(void)snprintf(out, PATH_CAP, "%s/" FILE_NAME, removal->authd->config->state_dir);
}

static uint64_t boottime_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* fails for a wrong number only */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- writing ---- */

static const char *id_of(const struct hc_removal_watch *watch)
{
	return watch->session[0] != '\0' ? watch->session : watch->expected;
}

static enum hc_err put(struct hc_writer *writer, struct hc_msg *msg, const struct hc_removal_watch *watch)
{
	const struct hc_removal_place *place = &watch->place;
	enum hc_err err;

	hc_msg_init(msg, HC_MSG_ROW);
	hc_msg_put_text(msg, HC_FIELD_SESSION_ID, id_of(watch));
	hc_msg_put_text(msg, HC_FIELD_LOGIN, watch->login.text);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, watch->service.text);
	hc_msg_put_u64(msg, HC_FIELD_PID, (uint64_t)watch->pid);
	hc_msg_put_u64(msg, HC_FIELD_TIME_MS, boottime_ms());
	hc_msg_put_text(msg, HC_FIELD_FACTOR, hc_removal_factor(place->helper));
	hc_msg_put_text(msg, HC_FIELD_DEVICE_PATH, place->path);
	hc_msg_put_text(msg, HC_FIELD_LABEL, place->label);
	if (place->atr_len > 0)
		hc_msg_put_bytes(msg, HC_FIELD_ATR, place->atr, place->atr_len);
	if (place->has_instance)
		hc_msg_put_u64(msg, HC_FIELD_DEVICE_INSTANCE, place->instance);
	err = hc_msg_finish(msg);
	if (err != HC_OK)
		return err;
	if (msg->len > RECORD_MAX)
		return HC_ERR_TOOBIG;
	hc_writer_u16(writer, (uint16_t)msg->len);
	hc_writer_bytes(writer, msg->packet, msg->len);
	return writer->err;
}

static enum hc_err write_all(const struct hc_removal *removal, uint8_t *buffer, struct hc_msg *msg)
{
	struct hc_writer writer;
	char path[PATH_CAP];
	enum hc_err err = HC_OK;

	hc_writer_init(&writer, buffer, FILE_MAX);
	for (const struct hc_removal_watch *watch = removal->first; watch != NULL && err == HC_OK;
	     watch = watch->next) {
		if (watch->state != HC_REMOVAL_WAITING && id_of(watch)[0] != '\0')
			err = put(&writer, msg, watch);
	}
	path_of(removal, path);
	return err == HC_OK ? hc_file_replace(path, 0600, buffer, writer.len) : err;
}

void hc_removal_save(const struct hc_removal *removal)
{
	uint8_t *buffer = malloc(FILE_MAX);
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = buffer != NULL ? hc_msg_new(&msg) : HC_ERR_NOMEM;

	if (err == HC_OK)
		err = write_all(removal, buffer, msg);
	free(buffer);
	if (err != HC_OK)
		hc_log(HC_LOG_WARNING, "after a restart, sessions would not be watched any more",
		       HC_F_TEXT("reason", hc_strerror(err)));
}

/* ---- reading ---- */

static enum hc_err read_place(const struct hc_msg *msg, struct hc_removal_place *place)
{
	const uint8_t *view = NULL;
	char factor[17] = "";
	size_t len = 0;

	if (hc_msg_text(msg, HC_FIELD_FACTOR, factor, sizeof(factor)) != HC_OK ||
	    hc_msg_text(msg, HC_FIELD_DEVICE_PATH, place->path, sizeof(place->path)) != HC_OK)
		return HC_ERR_CORRUPT;
	place->helper =
		strcmp(factor, hc_removal_factor(HC_HELPER_PKCS11)) == 0 ? HC_HELPER_PKCS11 : HC_HELPER_FIDO2;
	(void)!hc_msg_text(msg, HC_FIELD_LABEL, place->label, sizeof(place->label)); /* may be absent */
	place->has_instance = hc_msg_u64(msg, HC_FIELD_DEVICE_INSTANCE, &place->instance) == HC_OK;
	if (hc_msg_bytes(msg, HC_FIELD_ATR, &view, &len) != HC_OK)
		return HC_OK;
	if (len > sizeof(place->atr))
		return HC_ERR_CORRUPT;
	memcpy(place->atr, view, len);
	place->atr_len = len;
	return HC_OK;
}

static enum hc_err read_watch(const struct hc_msg *msg, struct hc_removal_watch *watch)
{
	char login[HC_LOGIN_MAX + 1] = "", service[65] = "";
	uint64_t pid = 0, at_ms = 0;

	if (msg->type != HC_MSG_ROW ||
	    hc_msg_text(msg, HC_FIELD_SESSION_ID, watch->expected, sizeof(watch->expected)) != HC_OK ||
	    hc_msg_text(msg, HC_FIELD_LOGIN, login, sizeof(login)) != HC_OK ||
	    hc_login_parse(login, strlen(login), &watch->login) != HC_OK ||
	    hc_msg_text(msg, HC_FIELD_SERVICE, service, sizeof(service)) != HC_OK ||
	    hc_service_parse(service, strlen(service), &watch->service) != HC_OK ||
	    hc_msg_u64(msg, HC_FIELD_PID, &pid) != HC_OK || pid == 0 || pid > INT32_MAX ||
	    hc_msg_u64(msg, HC_FIELD_TIME_MS, &at_ms) != HC_OK)
		return HC_ERR_CORRUPT;
	if (at_ms > boottime_ms())
		return HC_ERR_NOTFOUND; /* the machine was started since then */
	watch->pid = (pid_t)pid;
	watch->state = HC_REMOVAL_WATCHING;
	return read_place(msg, &watch->place);
}

static enum hc_err take_record(struct hc_removal *removal, struct hc_reader *reader, struct hc_msg *msg)
{
	struct hc_removal_watch read = {.pidfd = -1};
	const uint8_t *view = NULL;
	uint16_t len = 0;
	enum hc_err err = hc_reader_u16(reader, &len);

	if (err == HC_OK)
		err = hc_reader_bytes(reader, len, &view);
	if (err != HC_OK || len > RECORD_MAX)
		return HC_ERR_CORRUPT;
	memcpy(msg->packet, view, len);
	err = hc_msg_parse(msg, len);
	if (err == HC_OK)
		err = read_watch(msg, &read);
	if (err == HC_ERR_NOTFOUND ||
	    (err == HC_OK && hc_removal_action(removal->authd, read.place.helper) == HC_ON_REMOVAL_NOTHING))
		return HC_OK; /* not wanted any more */
	struct hc_removal_watch *watch = err == HC_OK ? hc_removal_add(removal) : NULL;

	if (watch == NULL)
		return err == HC_OK ? HC_ERR_NOMEM : HC_ERR_CORRUPT;
	read.removal = removal;
	read.next = watch->next;
	*watch = read;
	watch->since_ms = hc_mono_ms(removal->authd->clock);
	watch->pidfd = pidfd_open(watch->pid, 0); /* -1: it has ended, and logind will say so */
	return HC_OK;
}

void hc_removal_load(struct hc_removal *removal)
{
	const struct hc_file_rules rules = {.owner = geteuid(), .forbidden = 0077, .max_len = FILE_MAX};
	struct hc_reader reader;
	char path[PATH_CAP];
	char *data = NULL;
	size_t len = 0;
	unsigned records = 0;
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	path_of(removal, path);
	if (err == HC_OK)
		err = hc_file_read(path, &rules, &data, &len);
	if (err == HC_OK)
		hc_reader_init(&reader, (const uint8_t *)data, len);
	while (err == HC_OK && hc_reader_left(&reader) > 0)
		err = records++ < HC_DEVICES_WATCHES ? take_record(removal, &reader, msg) : HC_ERR_CORRUPT;
	free(data);
	if (err != HC_OK && err != HC_ERR_NOTFOUND)
		hc_log(HC_LOG_WARNING, "what was watched before the restart is not known in full",
		       HC_F_TEXT("path", path), HC_F_TEXT("reason", hc_strerror(err)));
}
