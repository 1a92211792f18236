/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a signing key: published, signing, retired, gone; by the clock and by an administrator. */
#include "gateway_admin_support.h"

/* ---- keys ---- */

static enum hc_err rotate(struct rig *rig, const char *alg, bool at_once)
{
	struct hc_msg msg;

	hc_msg_init(&msg, HC_MSG_KEY_ROTATE);
	hc_msg_put_text(&msg, HC_FIELD_ALGORITHM, alg);
	if (at_once)
		hc_msg_put_u32(&msg, HC_FIELD_AT_ONCE, 1);
	return ask(rig, &msg);
}

/* The state of a key in the store; 0: it is not there. */
static enum hc_key_state state_of(struct rig *rig, const char *kid)
{
	static struct hc_signing_key keys[HC_KEYS_MAX];
	size_t count = 0;

	assert_int_equal(hc_key_list(rig->worker.view, HC_KEYS_MAX, keys, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			return keys[i].state;
	}
	return (enum hc_key_state)0;
}

/* Lets what is due be done: until the loop has nothing more of it. */
static void tick(struct rig *rig)
{
	hc_keys_tick(&rig->process);
	while (rig->process.key_order != NULL) {
		assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
		assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
	}
	/* the keyring that was asked for */
	assert_int_equal(hc_loop_post(rig->worker.loop, stop_now, rig->worker.loop), HC_OK);
	assert_int_equal(hc_loop_run(rig->worker.loop), HC_OK);
}

static const char *signing_kid(struct rig *rig, enum hc_jws_alg alg, char out[HC_KID_LEN + 1])
{
	static struct hc_signing_key keys[HC_KEYS_MAX];
	size_t count = 0;

	out[0] = '\0';
	assert_int_equal(hc_key_list(rig->worker.view, HC_KEYS_MAX, keys, &count), HC_OK);
	for (size_t i = 0; i < count; i++) {
		if (keys[i].alg == alg && keys[i].state == HC_KEY_ACTIVE)
			memcpy(out, keys[i].kid, HC_KID_LEN + 1);
	}
	return out;
}

static void a_new_key_signs_after_the_overlap_and_not_before(void **state)
{
	struct rig *rig = *state;
	char former[HC_KID_LEN + 1], fresh[HC_KID_LEN + 1];

	(void)signing_kid(rig, HC_JWS_ES256, former);
	assert_int_equal(rotate(rig, "ES256", false), HC_OK);
	(void)snprintf(fresh, sizeof(fresh), "%s", text_of(rig, 0, HC_FIELD_KEY_ID));
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_NEXT);
	assert_int_equal(state_of(rig, former), HC_KEY_ACTIVE);
	assert_non_null(strstr(hc_keyring_jwks(rig->worker.keyring), fresh));

	rig->now_ms = T0 + HC_KEY_OVERLAP_MS - 1;
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_NEXT);

	rig->now_ms = T0 + HC_KEY_OVERLAP_MS;
	tick(rig);
	assert_int_equal(state_of(rig, fresh), HC_KEY_ACTIVE);
	assert_int_equal(state_of(rig, former), HC_KEY_RETIRED);
	assert_non_null(strstr(hc_keyring_jwks(rig->worker.keyring), former));
}

static void a_retired_key_goes_once_nothing_it_signed_is_valid(void **state)
{
	struct rig *rig = *state;
	const int64_t kept_ms = hc_keys_retired_ms(&rig->process.gateway.config);
	char former[HC_KID_LEN + 1];
	struct hc_outbox_record record;

	(void)signing_kid(rig, HC_JWS_ES256, former);
	assert_int_equal(kept_ms, 86400000 + 600000);
	assert_int_equal(rotate(rig, "ES256", true), HC_OK);
	rig->now_ms = T0 + kept_ms - 1;
	tick(rig);
	assert_int_equal(state_of(rig, former), HC_KEY_RETIRED);
	rig->now_ms = T0 + kept_ms;
	tick(rig);
	assert_int_equal(state_of(rig, former), 0);
	assert_null(strstr(hc_keyring_jwks(rig->worker.keyring), former));
	assert_true(records(rig, HC_OUTBOX_KEY_ROTATE, &record) > 0);
	assert_non_null(strstr(record.detail, "removed"));
	assert_string_equal(record.actor, "itself");
}

static void one_key_of_an_algorithm_waits_at_a_time_and_others_are_not_made(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rotate(rig, "HS256", false), HC_ERR_INVALID);
	assert_int_equal(rotate(rig, "PS256", false), HC_ERR_INVALID);
	assert_int_equal(rotate(rig, "ES256", false), HC_OK);
	assert_int_equal(rotate(rig, "ES256", false), HC_ERR_EXISTS);
	assert_int_equal(rig->reason, HC_REASON_KEY_WAITING);
	assert_int_equal(rotate(rig, "ES256", true), HC_OK);
	assert_string_equal(text_of(rig, 0, HC_FIELD_STATE), "active");
}

static void a_rotation_goes_on_without_the_administrator(void **state)
{
	struct rig *rig = *state;
	struct hc_admin_request *request = NULL;
	struct hc_outbox_record record;
	struct hc_msg msg;
	const size_t before = records(rig, HC_OUTBOX_KEY_ROTATE, &record);

	hc_msg_init(&msg, HC_MSG_KEY_ROTATE);
	hc_msg_put_text(&msg, HC_FIELD_ALGORITHM, "ES256");
	assert_int_equal(hc_msg_finish(&msg), HC_OK);
	assert_int_equal(hc_msg_parse(&msg, msg.len), HC_OK);
	assert_int_equal(hc_admin_request_new(&rig->process, ACTOR, &msg, on_ready, rig, &request), HC_OK);
	assert_true(request->waiting);
	hc_admin_request_free(&request);
	tick(rig);
	assert_int_equal(records(rig, HC_OUTBOX_KEY_ROTATE, &record), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(one_key_of_an_algorithm_waits_at_a_time_and_others_are_not_made),
		IN_RIG(a_new_key_signs_after_the_overlap_and_not_before),
		IN_RIG(a_retired_key_goes_once_nothing_it_signed_is_valid),
		IN_RIG(a_rotation_goes_on_without_the_administrator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
