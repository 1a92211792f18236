/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin.h"
#include "audit.h"
#include "fuzz.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "permit.h"
#include "settings.h"
#include "store/store.h"
#include "tests/support/tempdir.h"

/*
 * Administrators' requests against a real store: an input is packets one behind the other, as their
 * headers say. Each request that is taken must be answered by ROWs and exactly one END, all of them
 * well-formed, and the trail must still verify in the end.
 */
#define PACKETS_MAX 12
#define INPUTS_MAX  300 /* then the trail is long enough: a new store */
#define CALLS_MAX   200000

struct world {
	struct tempdir dir;
	struct hc_authd_config config;
	struct hc_authd authd;
	struct hc_store *store;
	struct hc_seal *seal;
	struct hc_audit *audit;
	unsigned inputs;
};

static struct world world;
static struct hc_msg request, reply;

static void no_log(enum hc_log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void end_world(void)
{
	hc_audit_free(&world.audit);
	hc_seal_free(&world.seal);
	hc_store_free(&world.store);
	if (world.dir.path[0] != '\0')
		tempdir_remove(&world.dir);
	memset(&world, 0, sizeof(world));
}

static void begin_world(void)
{
	char path[128];
	struct hc_config_error error;

	end_world();
	hc_log_capture(no_log, NULL);
	FUZZ_REQUIRE(tempdir_make(&world.dir));
	FUZZ_REQUIRE(hc_settings_parse("", 0, &world.config, &error) == HC_OK);
	FUZZ_REQUIRE(hc_store_open(tempdir_file(&world.dir, "authd.db", path, sizeof(path)), &world.store) ==
		     HC_OK);
	FUZZ_REQUIRE(hc_seal_open(tempdir_file(&world.dir, "seal.key", path, sizeof(path)), true,
				  &world.seal) == HC_OK);
	FUZZ_REQUIRE(hc_audit_open(world.store, world.seal, hc_clock_system(), &world.audit) == HC_OK);
	world.authd = (struct hc_authd){.config = &world.config,
					.clock = hc_clock_system(),
					.store = world.store,
					.seal = world.seal,
					.audit = world.audit};
}

static void check_reply(bool done)
{
	uint32_t err = 0;
	size_t len = reply.len;

	FUZZ_REQUIRE(hc_msg_parse(&reply, len) == HC_OK);
	FUZZ_REQUIRE(reply.type == (done ? HC_MSG_END : HC_MSG_ROW));
	FUZZ_REQUIRE(!done || (hc_msg_u32(&reply, HC_FIELD_ERR, &err) == HC_OK && err < HC_ERR_MAX_));
}

static void run_job(struct hc_admin_job *job)
{
	bool ready = false, done = false;

	for (unsigned calls = 0; !done; calls++) {
		FUZZ_REQUIRE(calls < CALLS_MAX);
		FUZZ_REQUIRE(hc_admin_next(job, &reply, &ready, &done) == HC_OK);
		FUZZ_REQUIRE(ready || !done);
		if (ready)
			check_reply(done);
	}
}

static void take_packet(const uint8_t *data, size_t len)
{
	const struct hc_caller caller = {.kind = HC_CALLER_ADMIN, .actor = "uid 0 (root)"};
	struct hc_admin_job *job = NULL;
	enum hc_err err = HC_OK;

	memcpy(request.packet, data, len);
	if (hc_msg_parse(&request, len) != HC_OK || !hc_permit(request.type, HC_CALLER_ADMIN, HC_SESSION_NEW))
		return;
	err = hc_admin_start(&world.authd, &caller, &request, &job);
	FUZZ_REQUIRE((err == HC_OK) == (job != NULL));
	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_PROTOCOL);
	if (job != NULL)
		run_job(job);
	hc_admin_job_free(&job);
}

static void remove_persons(void)
{
	struct hc_person persons[16];
	size_t count = 0;

	do {
		FUZZ_REQUIRE(hc_store_person_list(world.store, "", HC_COUNT(persons), persons, &count) ==
			     HC_OK);
		FUZZ_REQUIRE(hc_store_begin(world.store) == HC_OK);
		for (size_t i = 0; i < count; i++)
			FUZZ_REQUIRE(hc_store_person_remove(world.store, persons[i].id) == HC_OK);
		FUZZ_REQUIRE(hc_store_commit(world.store) == HC_OK);
	} while (count > 0);
}

static void verify_trail(void)
{
	struct hc_audit_check check = {0};

	while (!check.done)
		FUZZ_REQUIRE(hc_audit_check_slice(world.audit, &check, 64) == HC_OK &&
			     check.defect[0] == '\0');
}

/* The length of the packet at data, as its header says, cut to what is there. */
static size_t packet_len(const uint8_t *data, size_t left)
{
	size_t len = left;

	if (left >= HC_MSG_HEADER_LEN)
		len = HC_MSG_HEADER_LEN +
		      ((size_t)data[4] << 24 | (size_t)data[5] << 16 | (size_t)data[6] << 8 | data[7]);
	if (len > left)
		len = left;
	return len < HC_MSG_MAX ? len : HC_MSG_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (world.store == NULL)
		(void)atexit(end_world); /* without it a directory stays behind */
	if (world.store == NULL || world.inputs++ == INPUTS_MAX)
		begin_world();
	for (unsigned i = 0; i < PACKETS_MAX && size > 0; i++) {
		size_t len = packet_len(data, size);

		take_packet(data, len);
		data += len;
		size -= len;
	}
	if (world.inputs % 50 == 0)
		verify_trail();
	remove_persons();
	return 0;
}
