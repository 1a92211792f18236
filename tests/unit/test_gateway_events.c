/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that the gateway delivers: its own events only, in its own name only, once each, all or none.
 */
#include "gateway_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hospiconnect/identity.h"
#include "tests/support/decision_rig.h"

#define OK(expression) assert_int_equal((expression), HC_OK)

static const struct hc_caller GATEWAY = {
	.kind = HC_CALLER_GATEWAY, .uid = 990, .actor = "uid 990 (hospiconnect-gateway)"};

/* ---- a store that fails at its n-th call ---- */

static struct {
	bool armed;
	unsigned calls, fail_at;
} fault;

static bool fails(void)
{
	return fault.armed && ++fault.calls == fault.fail_at;
}

#define WRAP(name, parameters, arguments)                             \
	enum hc_err __real_##name parameters;                         \
	enum hc_err __wrap_##name parameters;                         \
	enum hc_err __wrap_##name parameters                          \
	{                                                             \
		return fails() ? HC_ERR_IO : __real_##name arguments; \
	}

WRAP(hc_store_begin, (struct hc_store * store), (store))
WRAP(hc_store_gateway_mark_get, (struct hc_store * store, int64_t uid, struct hc_gateway_mark *ret_mark),
     (store, uid, ret_mark))
WRAP(hc_store_gateway_mark_put, (struct hc_store * store, int64_t uid, const struct hc_gateway_mark *mark),
     (store, uid, mark))
WRAP(hc_store_person_by_id, (struct hc_store * store, int64_t id, struct hc_person *ret_person),
     (store, id, ret_person))
WRAP(hc_store_audit_append, (struct hc_store * store, const struct hc_audit_record *record), (store, record))
enum hc_err __real_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store);
enum hc_err __wrap_hc_store_commit(struct hc_store *store)
{
	if (!fails())
		return __real_hc_store_commit(store);
	hc_store_rollback(store); /* a commit that fails has not happened */
	return HC_ERR_IO;
}

/* A record as the gateway sends it; what is 0 or NULL is left out. */
struct sample {
	uint64_t seq, time_ms, person_id;
	const char *event, *outcome, *login, *client, *origin, *actor, *detail;
	bool without_reason;
	uint32_t reason;
};

static struct hc_msg msg;

static const struct hc_msg *event_of(const struct sample *sample)
{
	hc_msg_init(&msg, HC_MSG_EVENT);
	if (sample->seq > 0)
		hc_msg_put_u64(&msg, HC_FIELD_SEQ, sample->seq);
	if (sample->time_ms > 0)
		hc_msg_put_u64(&msg, HC_FIELD_TIME_MS, sample->time_ms);
	hc_msg_put_text(&msg, HC_FIELD_EVENT, sample->event);
	hc_msg_put_text(&msg, HC_FIELD_OUTCOME, sample->outcome);
	if (!sample->without_reason)
		hc_msg_put_u32(&msg, HC_FIELD_REASON, sample->reason);
	hc_msg_put_text(&msg, HC_FIELD_LOGIN, sample->login);
	if (sample->person_id > 0)
		hc_msg_put_u64(&msg, HC_FIELD_PERSON_ID, sample->person_id);
	hc_msg_put_text(&msg, HC_FIELD_CLIENT_ID, sample->client);
	hc_msg_put_text(&msg, HC_FIELD_ORIGIN, sample->origin);
	hc_msg_put_text(&msg, HC_FIELD_ACTOR, sample->actor);
	hc_msg_put_text(&msg, HC_FIELD_DETAIL, sample->detail);
	OK(hc_msg_finish(&msg));
	return &msg;
}

static struct sample logout_at(uint64_t seq, uint64_t time_ms)
{
	return (struct sample){.seq = seq, .time_ms = time_ms, .event = "logout", .outcome = "success"};
}

static const struct hc_msg *end_of(uint64_t seq)
{
	hc_msg_init(&msg, HC_MSG_EVENTS_END);
	hc_msg_put_u64(&msg, HC_FIELD_SEQ, seq);
	OK(hc_msg_finish(&msg));
	return &msg;
}

static struct hc_gateway_events *begin(struct rig *rig)
{
	struct hc_gateway_events *events = NULL;

	OK(hc_gateway_events_new(&rig->authd, &GATEWAY, &events));
	return events;
}

/* Delivers count records from first on, a millisecond apart, and returns what came of it. */
static enum hc_err deliver(struct rig *rig, uint64_t first, uint64_t count, uint64_t time_ms)
{
	HC_AUTO(gateway_events) events = begin(rig);
	uint64_t kept = 0;

	for (uint64_t i = 0; i < count; i++) {
		const struct sample sample = logout_at(first + i, time_ms + i);

		OK(hc_gateway_events_add(events, event_of(&sample)));
	}
	enum hc_err err = hc_gateway_events_commit(events, end_of(first + count - 1), &kept);

	assert_int_equal(kept, err == HC_OK ? first + count - 1 : 0);
	return err;
}

/* ---- refusals ---- */

static void an_event_that_is_not_the_gateways_is_refused(void **state)
{
	struct rig *rig = *state;
	static const char *const names[] = {"sign-in",
					    "account",
					    "session-open",
					    "user-add",
					    "user-disable",
					    "enroll",
					    "lockout-clear",
					    "admin-denied",
					    "broker-start",
					    "clock-jump",
					    "Logout",
					    "logout ",
					    "",
					    "no-such-event"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		HC_AUTO(gateway_events) events = begin(rig);
		struct sample sample = logout_at(1, RIG_NOW);
		uint64_t kept = 0;

		sample.event = names[i];
		if (hc_gateway_events_add(events, event_of(&sample)) != HC_ERR_PROTOCOL)
			fail_msg("row %zu: \"%s\" was taken", i, names[i]);
		assert_int_equal(hc_gateway_events_commit(events, end_of(1), &kept), HC_ERR_PROTOCOL);
	}
	assert_int_equal(rig_trail_len(rig), 0);
}

static void a_malformed_record_is_refused(void **state)
{
	struct rig *rig = *state;
	const struct sample rows[] = {
		{.time_ms = RIG_NOW, .event = "logout", .outcome = "success"},
		{.seq = UINT64_MAX, .time_ms = RIG_NOW, .event = "logout", .outcome = "success"},
		{.seq = 1, .event = "logout", .outcome = "success"},
		{.seq = 1, .time_ms = UINT64_MAX, .event = "logout", .outcome = "success"},
		{.seq = 1, .time_ms = RIG_NOW, .outcome = "success"},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout"},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "perhaps"},
		{.seq = 1,
		 .time_ms = RIG_NOW,
		 .event = "logout",
		 .outcome = "success",
		 .without_reason = true},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "success", .reason = 999},
		{.seq = 1,
		 .time_ms = RIG_NOW,
		 .event = "logout",
		 .outcome = "success",
		 .login = "Not A Login"},
		{.seq = 1,
		 .time_ms = RIG_NOW,
		 .event = "logout",
		 .outcome = "success",
		 .person_id = UINT64_MAX},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "success", .client = "a b"},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "success", .origin = "a b"},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "success", .actor = "a\nb"},
		{.seq = 1, .time_ms = RIG_NOW, .event = "logout", .outcome = "success", .detail = "a\x1b[2J"},
	};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		HC_AUTO(gateway_events) events = begin(rig);

		if (hc_gateway_events_add(events, event_of(&rows[i])) != HC_ERR_PROTOCOL)
			fail_msg("row %zu was taken", i);
	}
}

static void a_field_that_a_record_has_no_use_for_is_refused(void **state)
{
	struct rig *rig = *state;
	static const enum hc_field fields[] = {HC_FIELD_SERVICE, HC_FIELD_FACTOR, HC_FIELD_CREDENTIAL_ID,
					       HC_FIELD_USER};

	for (size_t i = 0; i < HC_COUNT(fields); i++) {
		HC_AUTO(gateway_events) events = begin(rig);
		const struct sample sample = logout_at(1, RIG_NOW);

		(void)event_of(&sample);
		hc_msg_put_text(&msg, fields[i], "x");
		OK(hc_msg_finish(&msg));
		if (hc_gateway_events_add(events, &msg) != HC_ERR_PROTOCOL)
			fail_msg("row %zu was taken", i);
	}
}

static void the_sixty_fifth_record_is_refused(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	struct sample sample;

	for (uint64_t i = 1; i <= HC_EVENTS_MAX; i++) {
		sample = logout_at(i, RIG_NOW);
		OK(hc_gateway_events_add(events, event_of(&sample)));
	}
	sample = logout_at(HC_EVENTS_MAX + 1, RIG_NOW);
	assert_int_equal(hc_gateway_events_add(events, event_of(&sample)), HC_ERR_PROTOCOL);
	assert_int_equal(rig_trail_len(rig), 0);
}

static void numbers_must_rise_and_the_end_must_name_the_last(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	struct sample sample = logout_at(7, RIG_NOW);
	uint64_t kept = 0;

	assert_int_equal(hc_gateway_events_commit(events, end_of(7), &kept), HC_ERR_PROTOCOL);
	OK(hc_gateway_events_add(events, event_of(&sample)));
	assert_int_equal(hc_gateway_events_add(events, event_of(&sample)), HC_ERR_PROTOCOL);
	sample.seq = 6;
	assert_int_equal(hc_gateway_events_add(events, event_of(&sample)), HC_ERR_PROTOCOL);
	assert_int_equal(hc_gateway_events_commit(events, end_of(6), &kept), HC_ERR_PROTOCOL);
	assert_int_equal(hc_gateway_events_commit(events, end_of(8), &kept), HC_ERR_PROTOCOL);
	assert_int_equal(kept, 0);
	assert_int_equal(rig_trail_len(rig), 0);
}

static void nobody_else_is_named_as_the_one_who_acted(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	struct sample sample = logout_at(1, RIG_NOW);
	char longest[129] = "";
	uint64_t kept = 0;

	memset(longest, 'x', sizeof(longest) - 1);
	OK(hc_gateway_events_add(events, event_of(&sample)));
	sample = (struct sample){.seq = 2,
				 .time_ms = RIG_NOW,
				 .event = "client-add",
				 .outcome = "success",
				 .actor = "uid 0 (root)"};
	OK(hc_gateway_events_add(events, event_of(&sample)));
	sample.seq = 3;
	sample.actor = longest;
	OK(hc_gateway_events_add(events, event_of(&sample)));
	OK(hc_gateway_events_commit(events, end_of(3), &kept));

	assert_string_equal(rig_trail(rig, 2).actor, "uid 990 (hospiconnect-gateway)");
	assert_string_equal(rig_trail(rig, 1).actor, "gateway:uid 0 (root)");
	assert_memory_equal(rig_trail(rig, 0).actor, "gateway:xxx", 11);
	rig_trail_holds(rig);
}

/* ---- what is kept ---- */

static void a_record_says_who_where_and_when(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	const struct hc_person person = rig_person(rig, "martin");
	int64_t before = rig_trail_len(rig);
	const struct sample sample = {.seq = 1,
				      .time_ms = RIG_NOW - 3600000,
				      .person_id = (uint64_t)person.id,
				      .event = "application",
				      .outcome = "failure",
				      .reason = HC_REASON_PERSON_DISABLED,
				      .client = "dpi.viewer-1",
				      .origin = "2001:db8::7",
				      .detail = "code redeemed"};
	uint64_t kept = 0;

	OK(hc_gateway_events_add(events, event_of(&sample)));
	OK(hc_gateway_events_commit(events, end_of(1), &kept));

	const struct hc_audit_record record = rig_trail(rig, 0);

	assert_int_equal(rig_trail_len(rig), before + 1);
	assert_string_equal(record.event, "application");
	assert_string_equal(record.outcome, "failure");
	assert_int_equal(record.reason, HC_REASON_PERSON_DISABLED);
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.service, "dpi.viewer-1");
	assert_string_equal(record.origin, "rhost=2001:db8::7");
	assert_int_equal(record.time_ms, RIG_NOW);
	assert_string_equal(record.detail, "at 2027-01-15T07:00:00Z: code redeemed");
	rig_trail_holds(rig);
}

static void the_gateways_time_is_told_only_where_it_is_another(void **state)
{
	struct rig *rig = *state;
	static const struct {
		int64_t off_ms;
		bool told;
	} rows[] = {{0, false}, {-5000, false}, {5000, false}, {-5001, true}, {5001, true}};

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		OK(deliver(rig, i + 1, 1, (uint64_t)(RIG_NOW + rows[i].off_ms)));
		if ((strncmp(rig_trail(rig, 0).detail, "at 20", 5) == 0) != rows[i].told)
			fail_msg("row %zu: \"%s\"", i, rig_trail(rig, 0).detail);
	}
}

static void the_longest_texts_lose_only_the_end_of_the_detail(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	char detail[513] = "", client[65] = "", origin[256] = "", login[65] = "";
	struct sample sample = logout_at(1, 1);
	uint64_t kept = 0;

	detail[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof(detail); i++)
		detail[i] = i % 2 == 1 ? '\xc3' : '\xa9'; /* so that a cut may fall into a character */
	memset(client, 'c', sizeof(client) - 1);
	memset(origin, 'o', sizeof(origin) - 1);
	memset(login, 'l', sizeof(login) - 1);
	sample.detail = detail;
	sample.client = client;
	sample.origin = origin;
	sample.login = login;
	OK(hc_gateway_events_add(events, event_of(&sample)));
	OK(hc_gateway_events_commit(events, end_of(1), &kept));

	const struct hc_audit_record record = rig_trail(rig, 0);

	assert_string_equal(record.service, client);
	assert_string_equal(record.login, login);
	assert_memory_equal(record.origin, "rhost=ooo", 9);
	assert_memory_equal(record.detail, "at 1970-01-01T00:00:00Z: x\xc3\xa9", 28);
	assert_int_equal(strlen(record.detail), 510);
	assert_true(hc_utf8_valid(record.detail, 510));
	rig_trail_holds(rig);
}

static void somebody_who_was_removed_has_a_record_all_the_same(void **state)
{
	struct rig *rig = *state;
	HC_AUTO(gateway_events) events = begin(rig);
	struct sample sample = logout_at(1, RIG_NOW);
	uint64_t kept = 0;

	sample.person_id = 4711;
	OK(hc_gateway_events_add(events, event_of(&sample)));
	sample.seq = 2;
	sample.login = "gone";
	OK(hc_gateway_events_add(events, event_of(&sample)));
	OK(hc_gateway_events_commit(events, end_of(2), &kept));
	assert_string_equal(rig_trail(rig, 1).login, "");
	assert_string_equal(rig_trail(rig, 0).login, "gone");
}

/* ---- once each ---- */

static void what_is_delivered_twice_is_written_once(void **state)
{
	struct rig *rig = *state;

	OK(deliver(rig, 1, 64, RIG_NOW));
	assert_int_equal(rig_trail_len(rig), 64);
	OK(deliver(rig, 1, 64, RIG_NOW));
	assert_int_equal(rig_trail_len(rig), 64);
	rig_restart(rig);
	OK(deliver(rig, 1, 64, RIG_NOW));
	assert_int_equal(rig_trail_len(rig), 64);
	OK(deliver(rig, 60, 10, RIG_NOW + 59)); /* five old ones, five new ones */
	assert_int_equal(rig_trail_len(rig), 69);
	rig_trail_holds(rig);
}

static void two_gateways_do_not_share_their_numbers(void **state)
{
	struct rig *rig = *state;
	struct hc_caller other = GATEWAY;
	HC_AUTO(gateway_events) events = NULL;
	const struct sample sample = logout_at(1, RIG_NOW);
	uint64_t kept = 0;

	OK(deliver(rig, 1, 1, RIG_NOW));
	other.uid = 991;
	OK(hc_gateway_events_new(&rig->authd, &other, &events));
	OK(hc_gateway_events_add(events, event_of(&sample)));
	OK(hc_gateway_events_commit(events, end_of(1), &kept));
	assert_int_equal(rig_trail_len(rig), 2);
}

static void a_gateway_whose_store_was_made_anew_loses_no_record(void **state)
{
	struct rig *rig = *state;

	OK(deliver(rig, 1000, 5, RIG_NOW));
	OK(deliver(rig, 1, 5, RIG_NOW + 60000));
	assert_int_equal(rig_trail_len(rig), 10);
	OK(deliver(rig, 1, 5, RIG_NOW + 60000)); /* and those, delivered again, are known */
	assert_int_equal(rig_trail_len(rig), 10);
	OK(deliver(rig, 6, 1, RIG_NOW + 60001));
	assert_int_equal(rig_trail_len(rig), 11);
}

static void times_that_are_a_little_out_of_order_make_no_record_new_or_lost(void **state)
{
	struct rig *rig = *state;
	static const uint64_t times[] = {RIG_NOW + 20, RIG_NOW, RIG_NOW + 10};

	for (int round = 0; round < 2; round++) {
		HC_AUTO(gateway_events) events = begin(rig);
		uint64_t kept = 0;

		for (uint64_t i = 0; i < HC_COUNT(times); i++) {
			const struct sample sample = logout_at(i + 1, times[i]);

			OK(hc_gateway_events_add(events, event_of(&sample)));
		}
		OK(hc_gateway_events_commit(events, end_of(3), &kept));
		assert_int_equal(rig_trail_len(rig), 3);
	}
	OK(deliver(rig, 4, 1, RIG_NOW + 5));
	assert_int_equal(rig_trail_len(rig), 4);
}

/* ---- all or none ---- */

static void a_delivery_that_is_not_ended_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct hc_gateway_events *events = begin(rig);
	const struct sample sample = logout_at(1, RIG_NOW);

	OK(hc_gateway_events_add(events, event_of(&sample)));
	hc_gateway_events_free(&events);
	hc_gateway_events_free(&events);
	rig_restart(rig);
	assert_int_equal(rig_trail_len(rig), 0);
}

/* Each call of the store that a delivery makes fails in turn; hc_store_commit undoes what it did not do. */
static void where_the_store_fails_there_is_no_answer_and_nothing_of_it(void **state)
{
	struct rig *rig = *state;
	unsigned failures = 0;

	rig->log_expected = true;
	for (fault.fail_at = 1;; fault.fail_at++) {
		HC_AUTO(gateway_events) events = begin(rig);
		const int64_t before = rig_trail_len(rig);
		uint64_t kept = 0;

		for (uint64_t i = 1; i <= 3; i++) {
			struct sample sample = logout_at(i, RIG_NOW);

			sample.person_id = 9;
			OK(hc_gateway_events_add(events, event_of(&sample)));
		}
		const struct hc_msg *end = end_of(3);

		fault.calls = 0;
		fault.armed = true;
		const enum hc_err err = hc_gateway_events_commit(events, end, &kept);
		fault.armed = false;
		if (err == HC_OK)
			break;
		failures++;
		assert_int_equal(err, HC_ERR_IO);
		assert_int_equal(kept, 0);
		assert_int_equal(rig_trail_len(rig), before);
	}
	assert_int_equal(failures, 10); /* begin, mark, three times person and record, mark, commit */
	assert_int_equal(rig_trail_len(rig), 3);
	rig_trail_holds(rig);
}

int main(void)
{
#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		IN_RIG(an_event_that_is_not_the_gateways_is_refused),
		IN_RIG(a_malformed_record_is_refused),
		IN_RIG(a_field_that_a_record_has_no_use_for_is_refused),
		IN_RIG(the_sixty_fifth_record_is_refused),
		IN_RIG(numbers_must_rise_and_the_end_must_name_the_last),
		IN_RIG(nobody_else_is_named_as_the_one_who_acted),
		IN_RIG(a_record_says_who_where_and_when),
		IN_RIG(the_gateways_time_is_told_only_where_it_is_another),
		IN_RIG(the_longest_texts_lose_only_the_end_of_the_detail),
		IN_RIG(somebody_who_was_removed_has_a_record_all_the_same),
		IN_RIG(what_is_delivered_twice_is_written_once),
		IN_RIG(two_gateways_do_not_share_their_numbers),
		IN_RIG(a_gateway_whose_store_was_made_anew_loses_no_record),
		IN_RIG(times_that_are_a_little_out_of_order_make_no_record_new_or_lost),
		IN_RIG(a_delivery_that_is_not_ended_leaves_nothing),
		IN_RIG(where_the_store_fails_there_is_no_answer_and_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
