/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's link to the broker as a program, for scenarios against the real broker:
 *
 *   gateway_link SOCKET signin USER PASSWORD CODE   one line: the verdict, or the failure
 *   gateway_link SOCKET person ID                   one line
 *   gateway_link SOCKET watch                       a line for each piece of news, until it is killed
 *   gateway_link SOCKET events FIRST COUNT TIME_MS  delivers records of log-outs; one line
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker_link.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/log.h"
#include "hospiconnect/secret.h"
#include "http/loop.h"
#include "store/outbox.h"

static struct hc_loop *loop;
static struct hc_broker_link *link_to_broker;
static struct hc_broker_signin *signin;
static const char *code;
static struct hc_outbox_record records[HC_OUTBOX_BATCH];

static void on_signin(const struct hc_signin_report *report, void *ctx)
{
	(void)ctx;
	switch (report->event) {
	case HC_SIGNIN_CODE:
		if (hc_broker_signin_code(signin, code, strlen(code)) != HC_OK)
			exit(2);
		return;
	case HC_SIGNIN_RESULT:
		printf("result allowed=%d unavailable=%d reason=%d method=%u left=%u id=%lld login=%s "
		       "family=%s\n",
		       report->allowed, report->unavailable, (int)report->reason, report->method,
		       report->codes_left, (long long)report->person.id, report->person.login,
		       report->person.family_name);
		break;
	case HC_SIGNIN_FAILED:
		printf("failed %s\n", hc_strerror(report->err));
		break;
	}
	hc_loop_stop(loop);
}

static enum hc_err begin_signin(const char *user, const char *password)
{
	struct hc_signin_ask ask = {.user = user, .rhost = "192.0.2.7", .lang = HC_LANG_EN, .timeout_s = 30};
	enum hc_err err = hc_secret_from(password, strlen(password), &ask.password);

	return err == HC_OK ? hc_broker_signin_start(link_to_broker, &ask, on_signin, NULL, &signin) : err;
}

static void on_person(enum hc_err err, const struct hc_person_answer *answer, void *ctx)
{
	(void)ctx;
	if (err != HC_OK)
		printf("failed %s\n", hc_strerror(err));
	else
		printf("person exists=%d may=%d reason=%d login=%s\n", answer->exists, answer->may_sign_in,
		       (int)answer->reason, answer->person.login);
	hc_loop_stop(loop);
}

static void on_live(bool live, void *ctx)
{
	(void)ctx;
	printf("live %d\n", live);
	(void)fflush(stdout);
}

static void on_changed(int64_t person_id, bool active, void *ctx)
{
	(void)ctx;
	printf("changed %lld %d\n", (long long)person_id, active);
	(void)fflush(stdout);
}

static void on_events(enum hc_err err, void *ctx)
{
	(void)ctx;
	printf("%s\n", err == HC_OK ? "kept" : hc_strerror(err));
	hc_loop_stop(loop);
}

static enum hc_err begin_events(int64_t first, size_t count, int64_t time_ms)
{
	for (size_t i = 0; i < count && i < HC_OUTBOX_BATCH; i++)
		records[i] = (struct hc_outbox_record){.seq = first + (int64_t)i,
						       .time_ms = time_ms,
						       .event = HC_OUTBOX_LOGOUT,
						       .success = true,
						       .login = "martin",
						       .client_id = "dpi",
						       .origin = "192.0.2.7",
						       .detail = "at the page"};
	(void)snprintf(records[0].actor, sizeof(records[0].actor), "uid 0 (root)");
	return hc_broker_events_send(link_to_broker, records, count, on_events, NULL);
}

static enum hc_err begin(int argc, char *const *argv)
{
	static const struct hc_broker_watch watch = {.live = on_live, .changed = on_changed};

	if (argc == 6 && strcmp(argv[2], "signin") == 0) {
		code = argv[5];
		return begin_signin(argv[3], argv[4]);
	}
	if (argc == 4 && strcmp(argv[2], "person") == 0)
		return hc_broker_person_ask(link_to_broker, strtoll(argv[3], NULL, 10), on_person, NULL);
	if (argc == 3 && strcmp(argv[2], "watch") == 0)
		return hc_broker_link_watch(link_to_broker, &watch);
	if (argc == 6 && strcmp(argv[2], "events") == 0)
		return begin_events(strtoll(argv[3], NULL, 10), (size_t)strtoull(argv[4], NULL, 10),
				    strtoll(argv[5], NULL, 10));
	return HC_ERR_INVALID;
}

int main(int argc, char **argv)
{
	enum hc_err err = HC_OK;

	hc_log_init("gateway_link", HC_LOG_INFO);
	if (argc < 3 || hc_loop_new(0, &loop) != HC_OK)
		return 2;
	err = hc_broker_link_new(loop, argv[1], hc_clock_system(), &link_to_broker);
	if (err == HC_OK)
		err = begin(argc, argv);
	if (err == HC_OK)
		err = hc_loop_run(loop);
	if (err != HC_OK)
		(void)fprintf(stderr, "gateway_link: %s\n", hc_strerror(err));
	hc_broker_link_free(&link_to_broker);
	hc_loop_free(&loop);
	return err == HC_OK ? 0 : 2;
}
