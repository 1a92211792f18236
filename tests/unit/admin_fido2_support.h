/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_ADMIN_FIDO2_SUPPORT_H
#define HC_TESTS_ADMIN_FIDO2_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin.h"
#include "factor_fido2.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/device.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/secret.h"
#include "store/store.h"
#include "tests/support/decision_rig.h"

/*
 * One request of an administrator that needs a security key: the test is the connection, the helper and the key. What
 * the broker said last stands in start (to the helper) and out (to the administrator).
 */
#define RP	 "login.example"
#define OK(what) assert_int_equal((what), HC_OK)

struct desk {
	struct rig *rig;
	struct hc_admin_job *job;
	struct hc_msg start, out, said;
	char text[2049]; /* of out */
};

static inline int desk_setup(void **state)
{
	struct rig *rig;

	if (rig_setup(state) != 0)
		return -1;
	rig = *state;
	rig->authd.device_methods = HC_METHOD_FIDO2;
	snprintf(rig->authd.machine, sizeof(rig->authd.machine), "ward-7");
	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), RP);
	rig->config.fido.pin_min = 6;
	return 0;
}

static inline void desk_request(struct desk *desk, struct rig *rig, struct hc_msg **request)
{
	memset(desk, 0, sizeof(*desk));
	desk->rig = rig;
	OK(hc_msg_finish(*request));
	OK(hc_msg_parse(*request, (*request)->len));
	OK(hc_admin_start(&rig->authd, &rig->admin, *request, &desk->job));
	hc_msg_free(request);
}

/* What the helper is started with. */
static inline void desk_start(struct desk *desk)
{
	OK(hc_admin_device_start(desk->job, &desk->start));
	OK(hc_msg_finish(&desk->start));
	OK(hc_msg_parse(&desk->start, desk->start.len));
}

static inline uint32_t number_of(const struct hc_msg *msg, enum hc_field field)
{
	uint32_t number = 0;

	OK(hc_msg_u32(msg, field, &number));
	return number;
}

static inline void take_out(struct desk *desk)
{
	desk->text[0] = '\0';
	if (desk->out.type == 0)
		return;
	OK(hc_msg_finish(&desk->out));
	OK(hc_msg_parse(&desk->out, desk->out.len));
	if (hc_msg_has(&desk->out, HC_FIELD_TEXT))
		OK(hc_msg_text(&desk->out, HC_FIELD_TEXT, desk->text, sizeof(desk->text)));
}

/* The helper says what stands in desk->said. */
static inline enum hc_admin_device_act desk_hear(struct desk *desk)
{
	OK(hc_msg_finish(&desk->said));
	OK(hc_msg_parse(&desk->said, desk->said.len));
	hc_msg_clear(&desk->out);
	enum hc_admin_device_act act = hc_admin_device(desk->job, &desk->said, &desk->out);

	if (act == HC_ADMIN_DEVICE_SEND || act == HC_ADMIN_DEVICE_START)
		take_out(desk);
	return act;
}

static inline enum hc_admin_device_act desk_ask(struct desk *desk, uint32_t kind, enum hc_reason reason)
{
	hc_msg_init(&desk->said, HC_MSG_DEVICE_ASK);
	hc_msg_put_u32(&desk->said, HC_FIELD_DEVICE_ASK, kind);
	if (reason != HC_REASON_NONE)
		hc_msg_put_u32(&desk->said, HC_FIELD_REASON, (uint32_t)reason);
	return desk_hear(desk);
}

static inline enum hc_admin_device_act desk_fails(struct desk *desk, enum hc_reason reason)
{
	hc_msg_init(&desk->said, HC_MSG_DEVICE_FAILED);
	hc_msg_put_u32(&desk->said, HC_FIELD_REASON, (uint32_t)reason);
	return desk_hear(desk);
}

static inline enum hc_admin_device_act desk_answer(struct desk *desk, const char *answer)
{
	HC_AUTO(secret) secret = NULL;

	assert_true(hc_admin_device_asks(desk->job));
	OK(hc_secret_from(answer, strlen(answer), &secret));
	hc_msg_clear(&desk->out);
	enum hc_admin_device_act act = hc_admin_device_answer(desk->job, secret, &desk->out);

	take_out(desk);
	return act;
}

/* The answer's rows, and the END; the request is over. */
static inline struct reply desk_end(struct desk *desk)
{
	struct reply reply = {0};
	bool done = false;

	assert_false(hc_admin_waits(desk->job));
	while (!done) {
		HC_AUTO(msg) out = NULL;
		bool ready = false;

		OK(hc_msg_new(&out));
		OK(hc_admin_next(desk->job, out, &ready, &done));
		if (!ready)
			continue;
		OK(hc_msg_parse(out, out->len));
		if (!done) {
			assert_true(reply.row_count < HC_COUNT(reply.rows));
			reply.rows[reply.row_count++] = hc_steal_ptr(&out);
			continue;
		}
		reply.err = (enum hc_err)number_of(out, HC_FIELD_ERR);
		reply.reason = hc_msg_has(out, HC_FIELD_REASON) ? number_of(out, HC_FIELD_REASON) : 0;
		if (hc_msg_has(out, HC_FIELD_TEXT))
			OK(hc_msg_text(out, HC_FIELD_TEXT, reply.text, sizeof(reply.text)));
	}
	hc_admin_job_free(&desk->job);
	return reply;
}

static inline void desk_refused(struct desk *desk, enum hc_reason reason)
{
	struct reply reply = desk_end(desk);

	if (reply.reason != (uint32_t)reason || reply.err == HC_OK || reply.row_count != 0)
		fail_msg("HC-%u (%s), not HC-%d", reply.reason, reply.text, (int)reason);
	assert_true(reply.text[0] != '\0');
	reply_free(&reply);
}

static inline size_t keys_of(struct rig *rig, const char *login)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	struct hc_login name;
	struct hc_person person;
	size_t count = 0;

	OK(hc_login_parse(login, strlen(login), &name));
	OK(hc_store_person_by_login(rig->authd.store, &name, &person));
	OK(hc_store_credential_list(rig->authd.store, person.id, true, HC_COUNT(held), held, &count));
	return count;
}

/* ---- the request ---- */

static inline struct hc_msg *request_for(const char *login)
{
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_FIDO2);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	return request;
}

/* Up to the key's first word. */
static inline void desk_begin(struct desk *desk, struct rig *rig, const char *login)
{
	struct hc_msg *request = request_for(login);

	desk_request(desk, rig, &request);
	assert_true(hc_admin_waits(desk->job));
	assert_int_equal(hc_admin_device_helper(desk->job), HC_HELPER_FIDO2);
	desk_start(desk);
	assert_int_equal(number_of(&desk->start, HC_FIELD_DEVICE_OPERATION), HC_DEVICE_MAKE);
}

/* ---- a key: what it makes, with the attestation "none" ---- */

struct making {
	const char *id, *rp_id;
	uint8_t flags, protect; /* protect 0: not said */
	const char *format;
	bool other_name;   /* CREDENTIAL names another one than the data do */
	bool no_statement; /* ATTESTATION is not there */
	size_t cut;	   /* bytes that are missing at the end */
};

#define MAKING                                                                                  \
	{                                                                                       \
		.id = "key-1", .rp_id = RP, .flags = HC_FIDO_UP | HC_FIDO_UV, .format = "none", \
	}

static inline void put_data(struct hc_writer *writer, const struct making *making)
{
	static const uint8_t HEAD[] = {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20};
	static const uint8_t AAGUID[16] = {0xaa, 0xbb};
	HC_AUTO(secret) secret = NULL;
	uint8_t hash[32], public[32];

	OK(hc_secret_from("12345678901234567890123456789012", 32, &secret));
	OK(hc_ed25519_public(secret, public));
	OK(hc_sha256(making->rp_id, strlen(making->rp_id), hash));
	hc_writer_bytes(writer, hash, sizeof(hash));
	hc_writer_u8(writer, (uint8_t)(making->flags | HC_FIDO_AT | (making->protect != 0 ? HC_FIDO_ED : 0)));
	hc_writer_u32(writer, 7);
	hc_writer_bytes(writer, AAGUID, sizeof(AAGUID));
	hc_writer_u16(writer, (uint16_t)strlen(making->id));
	hc_writer_bytes(writer, making->id, strlen(making->id));
	hc_writer_bytes(writer, HEAD, sizeof(HEAD));
	hc_writer_bytes(writer, public, sizeof(public));
	if (making->protect == 0)
		return;
	hc_writer_bytes(writer,
			"\xa1\x6b"
			"credProtect",
			13);
	hc_writer_u8(writer, making->protect);
}

static inline enum hc_admin_device_act desk_makes(struct desk *desk, const struct making *making)
{
	uint8_t data[1024];
	struct hc_writer writer;
	const char *name = making->other_name ? "key-X" : making->id;

	hc_writer_init(&writer, data, sizeof(data));
	put_data(&writer, making);
	OK(writer.err);
	hc_msg_init(&desk->said, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(&desk->said, HC_FIELD_CREDENTIAL, name, strlen(name));
	hc_msg_put_bytes(&desk->said, HC_FIELD_AUTH_DATA, data, writer.len - making->cut);
	hc_msg_put_text(&desk->said, HC_FIELD_FORMAT, making->format);
	hc_msg_put_text(&desk->said, HC_FIELD_LABEL, "Blue key");
	if (!making->no_statement)
		hc_msg_put_bytes(&desk->said, HC_FIELD_ATTESTATION, "\xa0", 1);
	return desk_hear(desk);
}

#endif
