/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ticket of a card that is nobody's: which line shows it to the broker, and how often; and the question that it leads
 * to, which costs nobody his sign-in.
 */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TICKET "0123456789abcdef"
#define FIRST  "auth optional @ mode=primary\n"
#define SECOND "auth required @ mode=second-factor\n"

static const struct scripted_line hand_out[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT_TICKET, HC_DENY, HC_REASON_CARD_UNKNOWN, TICKET},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line refuse[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line offer[] = {
	{SCRIPTED_HELLO, 0, 0, NULL}, {SCRIPTED_STEP, HC_STEP_OFFER, 0, "Link the card? [yes/no] "},
	{SCRIPTED_ANSWER, 0, 0, ""},  {SCRIPTED_RESULT, HC_ALLOW, HC_REASON_NONE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line *const hand_out_then_refuse[] = {hand_out, refuse, refuse};

/* Whether the last HELLO of the conversations that were had showed the ticket. */
static bool was_shown(struct host *host, unsigned connections)
{
	const uint8_t *ticket = NULL;
	size_t len = 0;

	host_broker_stop(host);
	assert_int_equal(host->record.connections, connections);
	return hc_msg_bytes(&host->record.hello, HC_FIELD_TICKET, &ticket, &len) == HC_OK &&
	       len == HC_CARD_TICKET_LEN && memcmp(ticket, TICKET, len) == 0;
}

static void begin(struct host *host, const char *stack, const char *rhost)
{
	host_stack(host, "su", stack);
	host_broker_parts(host, hand_out_then_refuse, 3);
	host_start(host, "su", "martin", rhost);
}

static void without_a_refusal_that_gave_one_there_is_none(void **state)
{
	struct host *host = *state;

	host_stack(host, "su", FIRST SECOND);
	host_broker(host, refuse);
	host_start(host, "su", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_false(was_shown(host, 2));
}

static void from_another_machine_none_is_taken(void **state)
{
	struct host *host = *state;

	begin(host, FIRST SECOND, "192.0.2.7");
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_false(was_shown(host, 2));
}

static void the_next_line_shows_it(void **state)
{
	struct host *host = *state;

	begin(host, FIRST SECOND, NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_true(was_shown(host, 2));
}

static void it_is_shown_once(void **state)
{
	struct host *host = *state;

	begin(host, FIRST "auth optional @ mode=second-factor\n" SECOND, NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_false(was_shown(host, 3));
}

static void a_primary_line_leaves_none_for_those_behind_it(void **state)
{
	struct host *host = *state;

	begin(host, FIRST FIRST SECOND, NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_false(was_shown(host, 3));
}

static void a_line_that_nobody_understands_takes_it_away(void **state)
{
	struct host *host = *state;

	begin(host, FIRST "auth optional @ mode=nonsense\n" SECOND, NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_false(was_shown(host, 2));
}

static void other_requests_never_show_it(void **state)
{
	struct host *host = *state;

	begin(host, "auth required @ mode=primary\naccount required @\n", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	assert_int_equal(pam_acct_mgmt(host->pamh, 0), PAM_PERM_DENIED);
	assert_false(was_shown(host, 2));
}

/* A fork carries a copy of the handle along. */
static void another_process_has_none(void **state)
{
	struct host *host = *state;
	int status = 0;
	pid_t child;

	begin(host,
	      "auth [success=1 default=ignore] $ later\n"
	      "auth [success=done default=die] @ mode=primary\n" SECOND,
	      NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTH_ERR);
	child = fork();
	if (child == 0)
		_exit(pam_authenticate(host->pamh, 0));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), PAM_AUTH_ERR);
	assert_false(was_shown(host, 2));
}

static void an_offer_that_cannot_be_put_is_refused_and_the_sign_in_stands(void **state)
{
	static const enum host_manner manners[] = {HOST_FAILS, HOST_NO_REPLY, HOST_NO_TEXT, HOST_TOO_LONG};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(manners); i++) {
		host_stack(host, "su", SECOND);
		host_broker(host, offer);
		host_start(host, "su", "martin", NULL);
		host_reset(host, manners[i], NULL);
		if (pam_authenticate(host->pamh, 0) != PAM_SUCCESS)
			fail_msg("row %zu", i);
		host_broker_stop(host);
		host_end(host);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_a_refusal_that_gave_one_there_is_none),
		CASE(from_another_machine_none_is_taken),
		CASE(it_is_shown_once),
		CASE(a_primary_line_leaves_none_for_those_behind_it),
		CASE(a_line_that_nobody_understands_takes_it_away),
		CASE(other_requests_never_show_it),
		CASE(another_process_has_none),
		CASE(the_next_line_shows_it),
		CASE(an_offer_that_cannot_be_put_is_refused_and_the_sign_in_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
