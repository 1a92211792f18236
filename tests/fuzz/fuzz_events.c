/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "fuzz.h"
#include "gateway_events.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/log.h"
#include "hospiconnect/msg.h"
#include "store/store.h"

/*
 * Deliveries of a gateway: the input is packets, each behind its length (2 bytes). Promised: what is taken is an event of
 * the gateway's own list, in the gateway's name, with clean texts; numbers rise; never more than HC_EVENTS_MAX; and what
 * is not taken changes nothing. The store is the fuzzer's: it sees what would be written.
 */
static const struct hc_caller GATEWAY = {
	.kind = HC_CALLER_GATEWAY, .uid = 990, .actor = "uid 990 (hospiconnect-gateway)"};

static int64_t fixed_ms(void *ctx)
{
	(void)ctx;
	return INT64_C(1800000000000);
}

static bool is_own_event(const char *name)
{
#define EVENT_IS(event, text)          \
	if (strcmp(name, (text)) == 0) \
		return true;
	HC_GATEWAY_EVENTS(EVENT_IS)
#undef EVENT_IS
	return false;
}

static bool is_clean(const char *text)
{
	return hc_utf8_valid(text, strlen(text));
}

/* What the delivery wrote, as the trail has it. */
static void check_record(const struct hc_audit_record *record)
{
	FUZZ_REQUIRE(is_own_event(record->event));
	FUZZ_REQUIRE(strncmp(record->actor, "gateway:", 8) == 0 || strcmp(record->actor, GATEWAY.actor) == 0);
	FUZZ_REQUIRE(is_clean(record->actor) && is_clean(record->detail) && is_clean(record->origin) &&
		     is_clean(record->service) && is_clean(record->login));
	FUZZ_REQUIRE(record->factor[0] == '\0' && record->credential[0] == '\0');
	FUZZ_REQUIRE(record->origin[0] == '\0' || strncmp(record->origin, "rhost=", 6) == 0);
	FUZZ_REQUIRE(record->time_ms == fixed_ms(NULL));
}

static void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static char dir[64], store_path[96], key_path[96];

static void leave(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];

	for (size_t i = 0; i < HC_COUNT(suffixes); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", store_path, suffixes[i]);
		(void)unlink(path);
	}
	(void)unlink(key_path);
	(void)rmdir(dir);
}

/* In memory where the machine has such a place: a sync costs nothing there. */
static const struct hc_authd *world(void)
{
	static struct hc_authd authd;
	static const struct hc_clock clock = {.realtime_ms = fixed_ms, .monotonic_ms = fixed_ms};
	struct stat facts;

	if (authd.store != NULL)
		return &authd;
	hc_log_capture(no_log, NULL);
	(void)snprintf(dir, sizeof(dir), "%s/hc-fuzz-XXXXXX",
		       stat("/dev/shm", &facts) == 0 ? "/dev/shm" : "/tmp");
	FUZZ_REQUIRE(mkdtemp(dir) != NULL);
	(void)snprintf(store_path, sizeof(store_path), "%s/store.db", dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/seal.key", dir);
	(void)atexit(leave);
	authd.clock = &clock;
	FUZZ_REQUIRE(hc_store_open(store_path, &authd.store) == HC_OK);
	FUZZ_REQUIRE(hc_seal_open(key_path, true, &authd.seal) == HC_OK);
	FUZZ_REQUIRE(hc_audit_open(authd.store, authd.seal, &clock, &authd.audit) == HC_OK);
	return &authd;
}

/* Everything in the trail behind `after`; returns how many. */
static size_t check_trail(const struct hc_authd *authd, int64_t after)
{
	static struct hc_audit_record records[HC_EVENTS_MAX + 1];
	size_t count = 0;

	FUZZ_REQUIRE(hc_store_audit_list(authd->store, after, HC_COUNT(records), records, &count) == HC_OK);
	for (size_t i = 0; i < count; i++)
		check_record(&records[i]);
	return count;
}

static int64_t trail_end(const struct hc_authd *authd)
{
	struct hc_audit_record last = {.seq = 0};
	enum hc_err err = hc_store_audit_last(authd->store, &last);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_NOTFOUND);
	return err == HC_OK ? last.seq : 0;
}

/* The next packet, if there is one, parsed: what the connection would pass on. */
static bool next_message(const uint8_t **data, size_t *size, struct hc_msg *msg)
{
	size_t len = 0;

	while (*size >= 2) {
		len = (size_t)(*data)[0] << 8 | (*data)[1];
		*data += 2;
		*size -= 2;
		if (len > *size)
			len = *size;
		memcpy(msg->packet, *data, len);
		*data += len;
		*size -= len;
		if (hc_msg_parse(msg, len) == HC_OK)
			return true;
	}
	return false;
}

static void end_delivery(const struct hc_authd *authd, struct hc_gateway_events *events,
			 const struct hc_msg *msg, size_t taken, uint64_t last)
{
	int64_t before = trail_end(authd);
	uint64_t kept = 0;
	enum hc_err err = hc_gateway_events_commit(events, msg, &kept);
	size_t written = check_trail(authd, before);

	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_PROTOCOL);
	FUZZ_REQUIRE(err == HC_OK ? taken > 0 && kept == last : written == 0);
	FUZZ_REQUIRE(written <= taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hc_caller caller;
	const struct hc_authd *authd = world();
	HC_AUTO(gateway_events) events = NULL;
	HC_AUTO(msg) msg = NULL;
	size_t taken = 0;
	uint64_t last = 0;

	if (caller.uid == 0)
		caller = GATEWAY;
	caller.uid++; /* nobody has delivered for it yet */
	FUZZ_REQUIRE(hc_msg_new(&msg) == HC_OK);
	FUZZ_REQUIRE(hc_gateway_events_new(authd, &caller, &events) == HC_OK);
	while (next_message(&data, &size, msg)) {
		if (msg->type == HC_MSG_EVENTS_END) {
			end_delivery(authd, events, msg, taken, last);
			break;
		}
		if (msg->type != HC_MSG_EVENT || hc_gateway_events_add(events, msg) != HC_OK)
			continue;
		uint64_t seq = 0;

		FUZZ_REQUIRE(hc_msg_u64(msg, HC_FIELD_SEQ, &seq) == HC_OK && seq > last);
		FUZZ_REQUIRE(++taken <= HC_EVENTS_MAX);
		last = seq;
	}
	return 0;
}
