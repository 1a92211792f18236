/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAP2 messages to commands, and the commands that have no file of their own: GetInfo, Reset,
 * Selection.
 */
#include "ctap.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"

/* Commands that keep what an earlier one began: the list of further assertions, or of credentials. */
enum { KEEPS_NEXT = 1, KEEPS_LISTING = 2 };

static const struct command {
	uint8_t code;
	uint8_t keeps;
	const char *name;
	uint8_t (*run)(struct tk_key *key, struct tk_reader *in, struct tk_writer *out);
} commands[] = {
	{0x01, 0, "make", tk_make_credential},
	{0x02, 0, "assert", tk_get_assertion},
	{0x04, 0, "info", tk_get_info},
	{0x06, 0, "pin", tk_client_pin},
	{0x07, 0, "reset", tk_reset},
	{0x08, KEEPS_NEXT, "next", tk_get_next_assertion},
	{0x0a, KEEPS_LISTING, "manage", tk_manage},
	{0x0b, 0, "select", tk_selection},
	{0x0d, 0, "config", tk_configure},
	{0x41, KEEPS_LISTING, "manage", tk_manage},
};

static const struct command *find(uint8_t code)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].code == code)
			return &commands[i];
	}
	return NULL;
}

static bool whole_cbor(struct tk_slice parameters)
{
	struct tk_reader in = tk_reader(parameters);

	if (parameters.len == 0)
		return true;
	(void)tk_get_any(&in);
	return !in.bad && in.at == in.end;
}

static uint8_t run(struct tk_key *key, const struct command *command, struct tk_slice parameters,
		   struct tk_writer *out)
{
	struct tk_reader in = tk_reader(parameters);
	uint8_t status;

	if (!command)
		return TK_INVALID_COMMAND;
	key->command = command->name;
	if (!(command->keeps & KEEPS_NEXT))
		key->session.next.count = 0;
	if (!(command->keeps & KEEPS_LISTING))
		key->session.listing.count = 0;
	if (!whole_cbor(parameters))
		return TK_INVALID_CBOR;
	status = key->options.delay_ms ? tk_pause(key, key->options.delay_ms) : TK_OK;
	return status == TK_OK ? command->run(key, &in, out) : status;
}

size_t tk_ctap(struct tk_key *key, struct tk_slice request, uint8_t out[TK_MESSAGE_MAX])
{
	struct tk_writer answer = {.data = out + 1, .cap = TK_MESSAGE_MAX - 1};

	if (request.len == 0) {
		out[0] = TK_INVALID_LENGTH;
		return 1;
	}
	out[0] = run(key, find(request.data[0]), (struct tk_slice){request.data + 1, request.len - 1},
		     &answer);
	if (out[0] == TK_NO_ANSWER || !key->inserted)
		return 0;
	return tk_fault_answer(key, out, 1 + (out[0] == TK_OK ? answer.len : 0));
}

static void put_versions(const struct tk_key *key, struct tk_writer *out)
{
	bool u2f = !key->options.no_u2f && !key->memory.always_uv;

	tk_put_uint(out, 1);
	tk_put_array(out, 1U + (key->options.ctap20 ? 0 : 1) + (u2f ? 1 : 0));
	if (u2f)
		tk_put_text(out, "U2F_V2");
	tk_put_text(out, "FIDO_2_0");
	if (!key->options.ctap20)
		tk_put_text(out, "FIDO_2_1");
}

/* Canonical order: shorter names first, then by bytes. */
static void put_options(const struct tk_key *key, struct tk_writer *out)
{
	const struct tk_options *options = &key->options;
	bool two_one = !options->ctap20, pin = !options->no_pin, uv = options->uv != TK_UV_NONE;
	struct {
		const char *name;
		bool there, value;
	} rows[] = {
		{"rk", true, !options->no_resident},
		{"up", true, true},
		{"uv", uv, options->uv == TK_UV_READY},
		{"plat", true, false},
		{"alwaysUv", two_one, key->memory.always_uv},
		{"credMgmt", two_one, !options->no_management},
		{"authnrCfg", two_one, true},
		{"clientPin", pin, key->memory.has_pin},
		{"pinUvAuthToken", two_one && (pin || uv), true},
		{"setMinPINLength", two_one && pin, true},
		{"makeCredUvNotRqd", two_one, !options->no_uv_not_required && !key->memory.always_uv},
		{"credentialMgmtPreview", !two_one, !options->no_management},
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		count += rows[i].there ? 1 : 0;
	tk_put_uint(out, 4);
	tk_put_map(out, count);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].there) {
			tk_put_text(out, rows[i].name);
			tk_put_bool(out, rows[i].value);
		}
	}
}

static void put_algorithms(const struct tk_key *key, struct tk_writer *out)
{
	tk_put_uint(out, 10);
	tk_put_array(out, key->options.alg_count);
	for (size_t i = 0; i < key->options.alg_count; i++) {
		tk_put_map(out, 2);
		tk_put_text(out, "alg");
		tk_put_int(out, key->options.algs[i]);
		tk_put_text(out, "type");
		tk_put_text(out, "public-key");
	}
}

static void put_limits(const struct tk_key *key, struct tk_writer *out)
{
	bool pin = !key->options.no_pin || key->options.uv != TK_UV_NONE;

	tk_put_uint(out, 5);
	tk_put_uint(out, TK_MESSAGE_MAX);
	if (pin) {
		tk_put_uint(out, 6);
		tk_put_array(out, key->options.protocol_count);
		for (size_t i = 0; i < key->options.protocol_count; i++)
			tk_put_uint(out, key->options.protocols[i]);
	}
	if (key->options.ctap20)
		return;
	tk_put_uint(out, 7);
	tk_put_uint(out, 16);
	tk_put_uint(out, 8);
	tk_put_uint(out, TK_ID_MAX);
	tk_put_uint(out, 9);
	tk_put_array(out, 1);
	tk_put_text(out, "usb");
	put_algorithms(key, out);
	tk_put_uint(out, 12);
	tk_put_bool(out, key->memory.force_pin_change);
	tk_put_uint(out, 13);
	tk_put_uint(out, key->memory.min_pin);
	tk_put_uint(out, 14);
	tk_put_uint(out, 1);
	tk_put_uint(out, 20);
	tk_put_uint(out, key->options.capacity - tk_credential_residents(key));
}

uint8_t tk_get_info(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	bool extensions = !key->options.no_protect;
	bool pin = !key->options.no_pin || key->options.uv != TK_UV_NONE;

	(void)in;
	key->counters.infos++;
	tk_put_map(out, 4U + (extensions ? 1 : 0) + (pin ? 1 : 0) + (key->options.ctap20 ? 0 : 8));
	put_versions(key, out);
	if (extensions) {
		tk_put_uint(out, 2);
		tk_put_array(out, 1);
		tk_put_text(out, "credProtect");
	}
	tk_put_uint(out, 3);
	tk_put_bytes(out, key->options.aaguid, sizeof(key->options.aaguid));
	put_options(key, out);
	put_limits(key, out);
	return TK_OK;
}

uint8_t tk_reset(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	uint8_t status;

	(void)in;
	(void)out;
	if (tk_now_ms() - key->session.since_ms > key->options.reset_window_ms)
		return TK_NOT_ALLOWED;
	status = tk_await_touch(key);
	if (status != TK_OK)
		return status;
	key->counters.resets++;
	tk_memory_wipe(key);
	tk_memory_save(key);
	key->session.pin_mismatches = 0;
	tk_grant_reset(key);
	return TK_OK;
}

uint8_t tk_selection(struct tk_key *key, struct tk_reader *in, struct tk_writer *out)
{
	(void)in;
	(void)out;
	key->counters.selections++;
	return key->options.ctap20 ? TK_INVALID_COMMAND : tk_await_touch(key);
}
