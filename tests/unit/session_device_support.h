/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_SESSION_DEVICE_SUPPORT_H
#define HC_TEST_SESSION_DEVICE_SUPPORT_H

/* Conversations with devices: the helpers' side of them, and a security key made of software. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "device_method.h"
#include "factor_fido2.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/device.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/secret.h"
#include "session.h"
#include "tests/support/decision_rig.h"
#include "transaction.h"

#define RP	 "login.example"
#define OK(what) assert_int_equal((what), HC_OK)

/* The helpers' side of one conversation. */
struct link {
	struct hc_msg start; /* the last one */
	unsigned starts, answers, drops;
	unsigned started[HC_HELPERS], answered[HC_HELPERS], dropped[HC_HELPERS];
	char answer[64];
	enum hc_err refuses; /* what start gives back */
};

static inline enum hc_err link_start(void *ctx, enum hc_device_helper helper, struct hc_msg *start)
{
	struct link *link = ((struct talk *)ctx)->device;

	if (link->refuses != HC_OK)
		return link->refuses;
	link->starts++;
	link->started[helper]++;
	OK(hc_msg_finish(start));
	memcpy(link->start.packet, start->packet, start->len);
	OK(hc_msg_parse(&link->start, start->len));
	return HC_OK;
}

static inline enum hc_err link_answer(void *ctx, enum hc_device_helper helper, const struct hc_secret *answer)
{
	struct link *link = ((struct talk *)ctx)->device;

	link->answers++;
	link->answered[helper]++;
	assert_true(hc_secret_len(answer) < sizeof(link->answer));
	memset(link->answer, 0, sizeof(link->answer));
	memcpy(link->answer, hc_secret_data(answer), hc_secret_len(answer));
	return HC_OK;
}

static inline void link_drop(void *ctx, enum hc_device_helper helper)
{
	struct link *link = ((struct talk *)ctx)->device;

	link->drops++;
	link->dropped[helper]++;
}

static const struct hc_session_devices DEVICES = {link_start, link_answer, link_drop, hc_device_methods};

static inline int setup(void **state)
{
	struct rig *rig;

	if (rig_setup(state) != 0)
		return -1;
	rig = *state;
	rig->devices = &DEVICES;
	rig->authd.device_methods = HC_METHOD_FIDO2;
	rig->log_expected = true;
	snprintf(rig->authd.machine, sizeof(rig->authd.machine), "ward-7");
	snprintf(rig->config.fido.rp_id, sizeof(rig->config.fido.rp_id), RP);
	rig->config.fido.insert_timeout_s = 30;
	snprintf(rig->config.policy.nameless_services[0].text,
		 sizeof(rig->config.policy.nameless_services[0].text), "gdm-password");
	rig->config.policy.nameless_service_count = 1;
	return 0;
}

/* ---- a key made of software: Ed25519 ---- */

struct key {
	uint8_t seed[32];
	char id[8];
	struct hc_credential credential;
	uint8_t handle[HC_FIDO2_HANDLE_LEN];
};

static inline void enroll(struct rig *rig, const char *login, uint8_t seed, struct key *key)
{
	static const uint8_t HEAD[] = {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20};
	HC_AUTO(secret) secret = NULL;
	struct hc_stored_key stored = {.key_len = sizeof(HEAD) + 32, .handle_len = HC_FIDO2_HANDLE_LEN};
	struct hc_login name;
	struct hc_person person;

	memset(key, 0, sizeof(*key));
	memset(key->seed, seed, sizeof(key->seed));
	snprintf(key->id, sizeof(key->id), "key-%03u", seed);
	OK(hc_login_parse(login, strlen(login), &name));
	OK(hc_store_person_by_login(rig->authd.store, &name, &person));
	OK(hc_secret_from(key->seed, sizeof(key->seed), &secret));
	memcpy(stored.key, HEAD, sizeof(HEAD));
	OK(hc_ed25519_public(secret, stored.key + sizeof(HEAD)));
	memcpy(stored.id, key->id, sizeof(key->id));
	stored.id_len = sizeof(key->id);
	stored.discoverable = true;
	snprintf(stored.rp_id, sizeof(stored.rp_id), RP);
	OK(hc_fido2_handle(&rig->authd, person.id, key->handle));
	memcpy(stored.handle, key->handle, sizeof(key->handle));
	key->credential = (struct hc_credential){.person_id = person.id,
						 .type = HC_CREDENTIAL_FIDO2,
						 .state = HC_CREDENTIAL_ACTIVE,
						 .last_step = -1};
	snprintf(key->credential.id.text, sizeof(key->credential.id.text), "fidofidof%03u", seed);
	OK(hc_tx_begin(&rig->authd));
	OK(hc_store_credential_add(rig->authd.store, &key->credential));
	OK(hc_store_key_add(rig->authd.store, &key->credential.id, &stored));
	OK(hc_tx_commit(&rig->authd));
}

/* martin, who has one key. */
static inline void martin_with(struct rig *rig, struct key *key)
{
	rig_person(rig, "martin");
	enroll(rig, "martin", 1, key);
}

struct given {
	const char *rp_id; /* NULL: the right one */
	uint8_t flags;
	uint32_t counter;
	const uint8_t *hash;   /* of the client data; NULL: what was asked */
	const uint8_t *handle; /* NULL: none is told */
	bool bent;	       /* one bit of the signature */
};

/* What the key answers to the START of this conversation, as a finished and parsed DONE. */
static inline void key_answers(const struct talk *talk, const struct key *key, const struct given *given,
			       struct hc_msg *done)
{
	const struct link *link = talk->device;
	HC_AUTO(secret) secret = NULL;
	uint8_t data[37 + 32], signature[HC_ED25519_SIG_LEN];
	const char *rp_id = given->rp_id != NULL ? given->rp_id : RP;
	const uint8_t *hash;
	struct hc_writer writer;
	size_t len;

	OK(hc_msg_bytes(&link->start, HC_FIELD_CLIENT_DATA_HASH, &hash, &len));
	OK(hc_sha256(rp_id, strlen(rp_id), data));
	hc_writer_init(&writer, data + 32, 5);
	hc_writer_u8(&writer, given->flags);
	hc_writer_u32(&writer, given->counter);
	memcpy(data + 37, given->hash != NULL ? given->hash : hash, 32);
	OK(hc_secret_from(key->seed, sizeof(key->seed), &secret));
	OK(hc_ed25519_sign(secret, data, sizeof(data), signature));
	signature[5] ^= given->bent ? 1 : 0;
	hc_msg_init(done, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(done, HC_FIELD_CREDENTIAL, key->id, sizeof(key->id));
	hc_msg_put_bytes(done, HC_FIELD_AUTH_DATA, data, 37);
	hc_msg_put_bytes(done, HC_FIELD_SIGNATURE_DER, signature, sizeof(signature));
	if (given->handle != NULL)
		hc_msg_put_bytes(done, HC_FIELD_USER_HANDLE, given->handle, HC_FIDO2_HANDLE_LEN);
	OK(hc_msg_finish(done));
	OK(hc_msg_parse(done, done->len));
}

static inline void give(struct talk *talk, const struct key *key, const struct given *given)
{
	static struct hc_msg done;

	key_answers(talk, key, given, &done);
	hc_session_device(talk->session, HC_HELPER_FIDO2, &done);
}

/* A message of the helper with one number, and a reason or none. */
static inline void say_as(struct talk *talk, enum hc_device_helper helper, enum hc_msg_type type,
			  enum hc_field field, uint32_t value, enum hc_reason reason, uint32_t tries)
{
	static struct hc_msg msg;

	hc_msg_init(&msg, type);
	if (field != HC_FIELD_REASON)
		hc_msg_put_u32(&msg, field, value);
	if (reason != HC_REASON_NONE)
		hc_msg_put_u32(&msg, HC_FIELD_REASON, reason);
	if (tries > 0)
		hc_msg_put_u32(&msg, HC_FIELD_TRIES_LEFT, tries);
	OK(hc_msg_finish(&msg));
	OK(hc_msg_parse(&msg, msg.len));
	hc_session_device(talk->session, helper, &msg);
}

static inline void say(struct talk *talk, enum hc_msg_type type, enum hc_field field, uint32_t value,
		       enum hc_reason reason, uint32_t tries)
{
	say_as(talk, HC_HELPER_FIDO2, type, field, value, reason, tries);
}

static inline void wait_for(struct talk *talk, enum hc_device_wait what)
{
	say(talk, HC_MSG_DEVICE_WAIT, HC_FIELD_DEVICE_WAIT, what, HC_REASON_NONE, 0);
}

static inline void ask(struct talk *talk, enum hc_device_ask what, enum hc_reason why, uint32_t tries)
{
	say(talk, HC_MSG_DEVICE_ASK, HC_FIELD_DEVICE_ASK, what, why, tries);
}

static inline void fail_with(struct talk *talk, enum hc_reason reason)
{
	say(talk, HC_MSG_DEVICE_FAILED, HC_FIELD_REASON, 0, reason, 0);
}

#define TWO_FACTORS (HC_FIDO_UP | HC_FIDO_UV)

static inline void begin_with(struct rig *rig, struct talk *talk, struct link *link,
			      const struct rig_hello *hello)
{
	memset(link, 0, sizeof(*link));
	talk->device = link;
	OK(rig_hello(rig, &rig->root, hello, talk));
}

static inline void begin(struct rig *rig, const char *login, enum hc_mode mode, struct talk *talk,
			 struct link *link)
{
	const struct rig_hello hello = {.user = login, .mode = mode, .service = "gdm-password", .tty = ":0"};

	begin_with(rig, talk, link, &hello);
}

/* martin, who has one key, names himself. */
static inline void begin_with_key(struct rig *rig, enum hc_mode mode, struct key *key, struct talk *talk,
				  struct link *link)
{
	martin_with(rig, key);
	begin(rig, "martin", mode, talk, link);
}

static inline void assert_end(const struct talk *talk, enum hc_verdict verdict, enum hc_reason reason)
{
	assert_int_equal(talk->results, 1);
	assert_int_equal(talk->reason, reason);
	assert_int_equal(talk->verdict, verdict);
	assert_int_equal(hc_session_state(talk->session), HC_SESSION_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

#endif
