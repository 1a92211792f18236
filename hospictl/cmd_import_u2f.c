/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "import u2f": keys that people have at pam-u2f become theirs here. State: the file, and a row a line.
 *
 * One request a person, which does all or nothing. A line that cannot be used is told with its number and does not keep
 * the others back. It must never send a key that was not understood whole.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/msg.h"

#include "command.h"
#include "import_u2f_file.h"
#include "import_u2f_line.h"
#include "list.h"
#include "request.h"
#include "table.h"

#define CELLS	       6
#define CELL_CAP       512
#define KEYS_MAX       12288 /* bytes of KEYS */
#define PROGRESS_EVERY 250   /* lines */

static const char *const columns[CELLS] = {"line", "login", "keys", "new_keys", "result", "reason"};

struct run {
	const struct hc_ctl *ctl;
	const struct hc_args *args;
	char origin[HC_FIDO_RP_ID_MAX + 1];
	bool only_look;
	struct hc_table *table;
	struct hc_json json;
	struct hc_u2f_line *line; /* what is at work */
	size_t new_keys, people, failed;
};

/* What became of one line. */
struct result {
	const char *word; /* imported, held, superseded, unknown, refused */
	char reason[CELL_CAP];
	size_t keys, new_keys, held, revoked;
};

/* ---- telling ---- */

static void cell_text(const struct hc_ctl *ctl, const char *text, char *out, size_t cap)
{
	if (ctl->table)
		hc_ctl_escape(text, out, cap);
	else
		(void)snprintf(out, cap, "%s", text);
}

static void tell_json(struct run *run, const struct hc_u2f_entry *entry, const struct result *result)
{
	hc_json_object(&run->json, NULL);
	hc_json_unsigned(&run->json, "line", entry->number);
	hc_json_text(&run->json, "login", entry->login.text);
	hc_json_unsigned(&run->json, "keys", result->keys);
	hc_json_unsigned(&run->json, "new_keys", result->new_keys);
	hc_json_unsigned(&run->json, "held", result->held);
	hc_json_unsigned(&run->json, "revoked", result->revoked);
	hc_json_text(&run->json, "result", result->word);
	if (result->reason[0] != '\0')
		hc_json_text(&run->json, "reason", result->reason);
	else
		hc_json_null(&run->json, "reason");
	hc_json_close(&run->json);
}

static enum hc_err tell(struct run *run, const struct hc_u2f_entry *entry, const struct result *result)
{
	char cells[CELLS][CELL_CAP];
	const char *pointers[CELLS];

	if (run->ctl->json) {
		tell_json(run, entry, result);
		return HC_OK;
	}
	(void)snprintf(cells[0], CELL_CAP, "%zu", entry->number);
	cell_text(run->ctl, entry->login.text, cells[1], CELL_CAP);
	(void)snprintf(cells[2], CELL_CAP, "%zu", result->keys);
	(void)snprintf(cells[3], CELL_CAP, "%zu", result->new_keys);
	if (run->ctl->table)
		hc_cell_word(run->ctl, result->word, cells[4], CELL_CAP);
	else
		(void)snprintf(cells[4], CELL_CAP, "%s", result->word);
	cell_text(run->ctl, result->reason, cells[5], CELL_CAP);
	for (size_t i = 0; i < CELLS; i++)
		pointers[i] = cells[i];
	if (run->ctl->table)
		return hc_table_add(run->table, pointers);
	for (size_t i = 0; i < CELLS; i++)
		(void)printf("%s%s", i > 0 ? "\t" : "", cells[i]);
	(void)putchar('\n');
	return HC_OK;
}

static enum hc_err begin_telling(struct run *run)
{
	struct hc_table_column titles[CELLS];
	char texts[CELLS][64];

	if (run->ctl->json) {
		hc_json_init(&run->json, stdout);
		hc_json_array(&run->json, NULL);
		return HC_OK;
	}
	for (size_t i = 0; i < CELLS; i++) {
		hc_cell_title(run->ctl, columns[i], texts[i], sizeof(texts[i]));
		titles[i] = (struct hc_table_column){
			.title = texts[i], .whole = i != CELLS - 1, .right = i == 0 || i == 2 || i == 3};
	}
	return hc_table_new(titles, CELLS, &run->table);
}

static void end_telling(struct run *run)
{
	char new_keys[24], people[24], failed[24];

	if (run->ctl->json) {
		hc_json_close(&run->json);
		return;
	}
	if (!run->ctl->table)
		return;
	(void)snprintf(new_keys, sizeof(new_keys), "%zu", run->new_keys);
	(void)snprintf(people, sizeof(people), "%zu", run->people);
	(void)snprintf(failed, sizeof(failed), "%zu", run->failed);
	hc_table_print(run->table, stdout, run->ctl->width, run->ctl->color);
	hc_ctl_say(run->ctl, stdout, run->only_look ? "ctl.import.would" : "ctl.import.done",
		   HC_ARGS(new_keys, people, failed, run->origin));
}

/* ---- one person ---- */

static void refuse(const struct run *run, struct result *result, const char *text, const char *argument)
{
	result->word = "refused";
	hc_text(run->ctl->lang, text, HC_ARGS(argument), result->reason, sizeof(result->reason));
}

static void explain_fault(const struct run *run, enum hc_u2f_fault fault, struct result *result)
{
	static const char *const texts[] = {[HC_U2F_NONE] = "",
					    [HC_U2F_NO_LOGIN] = "ctl.import.fault.login",
					    [HC_U2F_NO_KEYS] = "ctl.import.fault.none",
					    [HC_U2F_TOO_MANY] = "ctl.import.fault.many",
					    [HC_U2F_MALFORMED] = "ctl.import.fault.malformed",
					    [HC_U2F_BAD_KEY] = "ctl.import.fault.key",
					    [HC_U2F_UNKNOWN] = "ctl.import.fault.unknown"};
	char number[24];

	(void)snprintf(number, sizeof(number), "%zu", run->line->bad);
	refuse(run, result, texts[fault], number);
}

static enum hc_err take_row(const struct hc_msg *row, void *ctx)
{
	struct result *result = ctx;
	char state[17];
	enum hc_err err = hc_msg_text(row, HC_FIELD_STATE, state, sizeof(state));

	if (err != HC_OK)
		return err;
	if (strcmp(state, "new") == 0)
		result->new_keys++;
	else if (strcmp(state, "held") == 0)
		result->held++;
	else if (strcmp(state, "revoked") == 0)
		result->revoked++;
	else
		return HC_ERR_PROTOCOL;
	return HC_OK;
}

static enum hc_err put_keys(const struct hc_u2f_line *line, struct hc_msg *request)
{
	uint8_t bytes[KEYS_MAX];
	struct hc_writer writer;

	hc_writer_init(&writer, bytes, sizeof(bytes));
	for (size_t i = 0; i < line->count; i++) {
		const struct hc_u2f_key *key = &line->keys[i];

		hc_writer_u8(&writer, key->verifies ? 1 : 0);
		hc_writer_u16(&writer, (uint16_t)key->id_len);
		hc_writer_bytes(&writer, key->id, key->id_len);
		hc_writer_u16(&writer, (uint16_t)key->key_len);
		hc_writer_bytes(&writer, key->key, key->key_len);
	}
	if (writer.err == HC_OK)
		hc_msg_put_bytes(request, HC_FIELD_KEYS, bytes, writer.len);
	return writer.err;
}

static enum hc_err make_request(const struct run *run, struct hc_msg **ret_request)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(run->ctl, HC_MSG_IMPORT_U2F, &request);

	if (err == HC_OK)
		err = put_keys(run->line, request);
	if (err != HC_OK)
		return err;
	hc_msg_put_text(request, HC_FIELD_LOGIN, run->line->login.text);
	hc_msg_put_text(request, HC_FIELD_RP_ID, run->origin);
	hc_msg_put_u32(request, HC_FIELD_FLAGS, run->only_look ? 1 : 0);
	hc_msg_put_text(request, HC_FIELD_PROOFED_BY, hc_args_value(run->args, "proofed-by"));
	hc_msg_put_text(request, HC_FIELD_DOCUMENT, hc_args_value(run->args, "document"));
	if (hc_args_flag(run->args, "face-to-face"))
		hc_msg_put_u32(request, HC_FIELD_FACE_TO_FACE, 1);
	*ret_request = hc_steal_ptr(&request);
	return HC_OK;
}

static void take_reply(const struct run *run, const struct hc_reply *reply, struct result *result)
{
	if (reply->err == HC_OK) {
		result->word = result->new_keys > 0 ? "imported" : "held";
		if (result->revoked > 0)
			hc_text(run->ctl->lang, "ctl.import.revoked", NULL, result->reason,
				sizeof(result->reason));
		return;
	}
	result->word = reply->reason == HC_REASON_NO_SUCH_PERSON ? "unknown" : "refused";
	result->new_keys = 0;
	hc_ctl_escape(reply->text[0] != '\0' ? reply->text : hc_strerror(reply->err), result->reason,
		      sizeof(result->reason));
}

/* False: the broker cannot be asked, and nobody else is tried. */
static bool send_person(struct run *run, struct result *result, enum hc_ctl_status *ret_status)
{
	HC_AUTO(msg) request = NULL;
	struct hc_reply reply;
	enum hc_err err = make_request(run, &request);

	if (err == HC_ERR_TOOBIG) {
		refuse(run, result, "ctl.import.fault.many", "");
		return true;
	}
	if (err != HC_OK) {
		*ret_status = hc_request_failed(run->ctl, err);
		return false;
	}
	err = hc_request_send(run->ctl, request, take_row, result, &reply);
	if (err != HC_OK && !reply.ended) {
		*ret_status = hc_request_complain(run->ctl, &reply);
		return false;
	}
	take_reply(run, &reply, result);
	return true;
}

static bool import_entry(struct run *run, const struct hc_u2f_entry *entry, enum hc_ctl_status *ret_status)
{
	struct result result = {.word = "superseded"};
	enum hc_u2f_fault fault = HC_U2F_NONE;

	if (entry->len > HC_U2F_LINE_MAX) {
		refuse(run, &result, "ctl.import.fault.long", "");
	} else if (entry->foreign) {
		refuse(run, &result, "ctl.import.fault.owner", "");
	} else if (!entry->superseded) {
		fault = hc_u2f_line_read(entry->text, entry->len, run->line);
		result.keys = fault == HC_U2F_NONE ? run->line->count : 0;
		if (fault != HC_U2F_NONE)
			explain_fault(run, fault, &result);
		else if (!send_person(run, &result, ret_status))
			return false;
	}
	run->new_keys += result.new_keys;
	run->people += result.new_keys > 0 ? 1 : 0;
	run->failed += strcmp(result.word, "refused") == 0 || strcmp(result.word, "unknown") == 0 ? 1 : 0;
	if (tell(run, entry, &result) == HC_OK)
		return true;
	*ret_status = hc_request_failed(run->ctl, HC_ERR_NOMEM);
	return false;
}

static enum hc_ctl_status import_all(struct run *run, const struct hc_u2f_file *file)
{
	enum hc_ctl_status status = HC_CTL_FAILED;
	char now[24], all[24];

	(void)snprintf(all, sizeof(all), "%zu", file->count);
	for (size_t i = 0; i < file->count; i++) {
		if (i > 0 && i % PROGRESS_EVERY == 0 && run->ctl->asking) {
			(void)snprintf(now, sizeof(now), "%zu", i);
			hc_ctl_say(run->ctl, stderr, "ctl.import.progress", HC_ARGS(now, all));
		}
		if (!import_entry(run, &file->entries[i], &status))
			return status;
	}
	return run->failed > 0 ? HC_CTL_FAILED : HC_CTL_DONE;
}

/* ---- the command ---- */

static enum hc_ctl_status complain_file(const struct hc_ctl *ctl, const char *path, enum hc_err err)
{
	const char *text = err == HC_ERR_EXISTS	    ? "ctl.import.file.ssh"
			   : err == HC_ERR_PEER	    ? "ctl.import.file.writable"
			   : err == HC_ERR_TOOBIG   ? "ctl.import.file.long"
			   : err == HC_ERR_INVALID  ? "ctl.import.file.regular"
			   : err == HC_ERR_NOTFOUND ? "ctl.import.file.missing"
						    : "ctl.import.file.unread";

	hc_ctl_complain(ctl, text, HC_ARGS(path));
	return HC_CTL_FAILED;
}

/* As pam-u2f makes its own: pam:// and the name of the machine. */
static bool take_origin(struct run *run)
{
	const char *given = hc_args_value(run->args, "origin");
	char name[HC_FIDO_RP_ID_MAX - 5] = "";
	int len;

	if (given == NULL &&
	    (gethostname(name, sizeof(name)) != 0 || memchr(name, '\0', sizeof(name)) == NULL))
		return false;
	len = snprintf(run->origin, sizeof(run->origin), "%s%s", given != NULL ? "" : "pam://",
		       given != NULL ? given : name);
	return len > 0 && (size_t)len < sizeof(run->origin);
}

enum hc_ctl_status hc_cmd_import_u2f(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct run run = {.ctl = ctl, .args = args, .only_look = hc_args_flag(args, "dry-run")};
	struct hc_u2f_file file = {.count = 0};
	enum hc_ctl_status status = HC_CTL_FAILED;

	if (!take_origin(&run))
		return hc_args_bad_value(ctl, args, "origin", "ctl.expected.origin");
	enum hc_err err = hc_u2f_file_read(args->operands[0], &file);

	if (err != HC_OK)
		return complain_file(ctl, args->operands[0], err);
	run.line = calloc(1, sizeof(*run.line));
	if (run.line == NULL || begin_telling(&run) != HC_OK) {
		status = hc_request_failed(ctl, HC_ERR_NOMEM);
	} else {
		status = import_all(&run, &file);
		end_telling(&run);
	}
	hc_table_free(&run.table);
	free(run.line);
	hc_u2f_file_clear(&file);
	return status;
}
