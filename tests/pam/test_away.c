/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that is away, hung, or somebody else: no verdict, within the times of broker_client.h.
 * The waits are real; there are few of them.
 */
#include "host.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hospiconnect/broker_client.h"

#define SLACK_MS 1500 /* what a busy machine may add */

static int setup(void **state)
{
	int result = host_setup(state);

	host_stack(*state, "login", "auth required @\naccount required @\nsession required @\n");
	return result;
}

static int64_t now_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One call, and how long it took. */
struct timed {
	int code;
	int64_t ms;
};

static struct timed timed_call(struct host *host, int (*call)(pam_handle_t *, int))
{
	int64_t start = now_ms();
	struct timed timed;

	host_start(host, "login", "martin", NULL);
	timed.code = call(host->pamh, 0);
	timed.ms = now_ms() - start;
	return timed;
}

static void assert_refused(const struct host *host, struct timed timed, const char *reason, int64_t min_ms,
			   int64_t max_ms)
{
	assert_int_equal(timed.code, PAM_AUTHINFO_UNAVAIL);
	assert_true(host_showed(host, PAM_ERROR_MSG, reason));
	assert_non_null(strstr(host_log(), "reason=HC-"));
	if (timed.ms < min_ms || timed.ms > max_ms + SLACK_MS)
		fail_msg("took %d ms, wanted %d to %d", (int)timed.ms, (int)min_ms, (int)max_ms);
}

/* ---- away ---- */

static void a_missing_socket_is_waited_for_two_seconds(void **state)
{
	struct host *host = *state;
	struct timed timed = timed_call(host, pam_authenticate);

	assert_refused(host, timed, "(HC-101)", HC_BROKER_CONNECT_MS - 100, HC_BROKER_CONNECT_MS);
	assert_true(host_showed(host, PAM_ERROR_MSG, "Le service d’authentification ne répond pas."));
	assert_non_null(strstr(
		host_log(), "<3>sign-in: unavailable user=\"martin\" rhost=\"\" reason=HC-101 BROKER_AWAY"));
}

/* What a broker that was killed leaves behind. */
static void a_socket_that_nobody_serves_is_away_in_the_account_phase_too(void **state)
{
	struct host *host = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", host->socket);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);

	assert_refused(host, timed_call(host, pam_acct_mgmt), "(HC-101)", HC_BROKER_CONNECT_MS - 100,
		       HC_BROKER_CONNECT_MS);
}

static void a_session_does_not_wait_for_a_broker_that_is_away(void **state)
{
	struct host *host = *state;
	struct timed timed = timed_call(host, pam_open_session);

	assert_int_equal(timed.code, PAM_SUCCESS);
	assert_true(timed.ms <= 1000);
	assert_non_null(strstr(host_log(), "session not reported to the broker"));
}

static void a_session_does_not_wait_for_a_broker_that_hangs(void **state)
{
	static const struct scripted_line part[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						    {SCRIPTED_HANG, 0, 0, NULL}};
	struct host *host = *state;
	struct timed timed;

	host_broker(host, part);
	timed = timed_call(host, pam_open_session);
	host_broker_stop(host);
	assert_int_equal(timed.code, PAM_SUCCESS);
	assert_true(timed.ms <= 1000);
}

/* ---- hung ---- */

static void a_broker_that_never_answers_is_hung_after_two_seconds(void **state)
{
	static const struct scripted_line part[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						    {SCRIPTED_HANG, 0, 0, NULL}};
	struct host *host = *state;
	struct timed timed;

	host_broker(host, part);
	timed = timed_call(host, pam_authenticate);
	host_broker_stop(host);
	assert_refused(host, timed, "(HC-102)", HC_BROKER_FIRST_ANSWER_MS - 100, HC_BROKER_FIRST_ANSWER_MS);
}

/* The kernel completes connections to a stopped process; it is the silence that tells. */
static void a_stopped_broker_is_hung(void **state)
{
	struct host *host = *state;
	struct timed timed;

	host_broker(host, part_allow_now);
	assert_int_equal(kill(scripted_pid(host->broker), SIGSTOP), 0);
	timed = timed_call(host, pam_authenticate);
	assert_int_equal(kill(scripted_pid(host->broker), SIGCONT), 0);
	scripted_stop(&host->broker, NULL);
	assert_refused(host, timed, "(HC-102)", HC_BROKER_FIRST_ANSWER_MS - 100, HC_BROKER_FIRST_ANSWER_MS);
}

static void a_broker_that_falls_silent_behind_the_answer_is_hung_after_twelve_seconds(void **state)
{
	static const struct scripted_line part[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						    {SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code : "},
						    {SCRIPTED_ANSWER, 0, 0, NULL},
						    {SCRIPTED_KEEPALIVE, 1, 0, NULL},
						    {SCRIPTED_HANG, 0, 0, NULL}};
	struct host *host = *state;
	struct timed timed;

	host_reset(host, HOST_ANSWERS, right_code);
	host_broker(host, part);
	timed = timed_call(host, pam_authenticate);
	host_broker_stop(host);
	assert_refused(host, timed, "(HC-102)", HC_BROKER_SILENCE_MS - 100, HC_BROKER_SILENCE_MS);
}

/* ---- somebody else ---- */

/* The impostor would let anybody in; it must not even hear who signs in. */
static const struct scripted_line silence_only[] = {{SCRIPTED_RESULT, HC_ALLOW, 0, NULL},
						    {SCRIPTED_END, 0, 0, NULL}};

static void assert_impostor_refused(struct host *host)
{
	struct timed authenticated = timed_call(host, pam_authenticate);
	struct timed accounted;

	assert_refused(host, authenticated, "(HC-103)", 0, 0);
	accounted = timed_call(host, pam_acct_mgmt);
	assert_refused(host, accounted, "(HC-103)", 0, 0);
	assert_non_null(strstr(host_log(), "BROKER_IMPOSTOR"));
	host_broker_stop(host); /* which fails if the impostor heard a word */
}

static void a_socket_in_a_directory_that_others_can_write_is_an_impostors(void **state)
{
	static const mode_t modes[] = {0777, 01777, 0770, 0702};
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		host_reset(host, HOST_ANSWERS, NULL);
		assert_int_equal(chmod(host->dir.path, modes[i]), 0);
		host_broker(host, silence_only);
		assert_impostor_refused(host);
	}
}

static void a_peer_that_does_not_own_the_directory_is_an_impostor(void **state)
{
	const struct scripted_line *part = silence_only;
	struct host *host = *state;

	if (geteuid() != 0)
		skip(); /* needs another uid */
	host->broker = scripted_start(host->socket, 65534, &part, 1);
	assert_non_null(host->broker);
	assert_impostor_refused(host);
}

static void a_directory_of_another_owner_is_an_impostors(void **state)
{
	struct host *host = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(host->dir.path, 65534, 65534), 0);
	host_broker(host, silence_only);
	assert_impostor_refused(host);
}

/* A socket of another kind, where a datagram service might be mistaken for the broker. */
static void a_socket_of_another_kind_is_an_impostors(void **state)
{
	struct host *host = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", host->socket);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_refused(host, timed_call(host, pam_authenticate), "(HC-103)", 0, 0);
	(void)close(fd);
}

/* Without socket= the peer must be root or the broker's user, and the place is the built-in one. */
static void without_an_argument_the_built_in_socket_is_meant(void **state)
{
	struct host *host = *state;
	struct timed timed;

	if (access(HC_RUN_DIR "/auth.sock", F_OK) == 0)
		skip(); /* a real broker runs here */
	host_stack(host, "login", "auth required %\n");
	host_broker(host, part_allow_now);
	timed = timed_call(host, pam_authenticate);
	host_broker_stop(host);
	assert_refused(host, timed, "(HC-101)", HC_BROKER_CONNECT_MS - 100, HC_BROKER_CONNECT_MS);
	assert_int_equal(host->record.connections, 0);
}

/* The text is our own here, and follows the language of the environment. */
static void the_reason_is_told_in_the_language_of_the_person(void **state)
{
	static const struct scripted_line part[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						    {SCRIPTED_CLOSE, 0, 0, NULL}};
	struct host *host = *state;

	host_broker(host, part);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_putenv(host->pamh, "LANG=en_GB.UTF-8"), PAM_SUCCESS);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTHINFO_UNAVAIL);
	host_broker_stop(host);
	assert_true(host_showed(host, PAM_ERROR_MSG, "The sign-in service does not answer."));
}

static void the_reason_is_told_in_the_language_of_the_line(void **state)
{
	static const struct scripted_line part[] = {{SCRIPTED_HELLO, 0, 0, NULL},
						    {SCRIPTED_CLOSE, 0, 0, NULL}};
	struct host *host = *state;

	host_stack(host, "login", "auth required @ lang=en\n");
	host_broker(host, part);
	host_start(host, "login", "martin", NULL);
	assert_int_equal(pam_authenticate(host->pamh, 0), PAM_AUTHINFO_UNAVAIL);
	host_broker_stop(host);
	assert_true(host_showed(host, PAM_ERROR_MSG, "The sign-in service does not answer."));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_missing_socket_is_waited_for_two_seconds),
		CASE(a_socket_that_nobody_serves_is_away_in_the_account_phase_too),
		CASE(a_broker_that_never_answers_is_hung_after_two_seconds),
		CASE(a_stopped_broker_is_hung),
		CASE(a_broker_that_falls_silent_behind_the_answer_is_hung_after_twelve_seconds),
		CASE(a_socket_in_a_directory_that_others_can_write_is_an_impostors),
		CASE(a_peer_that_does_not_own_the_directory_is_an_impostor),
		CASE(a_directory_of_another_owner_is_an_impostors),
		CASE(a_socket_of_another_kind_is_an_impostors),
		CASE(without_an_argument_the_built_in_socket_is_meant),
		CASE(the_reason_is_told_in_the_language_of_the_person),
		CASE(the_reason_is_told_in_the_language_of_the_line),
		CASE(a_session_does_not_wait_for_a_broker_that_is_away),
		CASE(a_session_does_not_wait_for_a_broker_that_hangs),
	};

	(void)unsetenv("LC_ALL");
	(void)unsetenv("LC_MESSAGES");
	(void)unsetenv("LANG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
