/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/admin_request.h"
#include "fuzz.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "http/loop.h"
#include "oauth/redirect_uri.h"
#include "process/duties.h"
#include "process/keys.h"
#include "tests/support/tempdir.h"

/*
 * Requests of the gateway's administrators against a real store and a loop that runs on this thread: an input is
 * packets one behind the other, as their headers say. Each request that is taken must be answered by ROWs and
 * exactly one END, all of them well-formed; no client may get in whose addresses are not allowed, or that
 * contradicts itself. RSA keys are not made: that takes too long.
 */
#define PACKETS_MAX 6
#define INPUTS_MAX  400
#define CALLS_MAX   10000

struct world {
	struct tempdir dir;
	struct hc_process process;
	struct hc_lane lane;
	struct hc_worker worker;
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
	struct hc_gateway *gateway = &world.process.gateway;

	hc_duties_free(&world.process.duties);
	hc_keys_end(&world.process);
	hc_gstore_free(&gateway->store);
	hc_loop_free(&world.worker.loop);
	hc_seal_free(&gateway->seal);
	if (world.dir.path[0] != '\0')
		tempdir_remove(&world.dir);
	memset(&world, 0, sizeof(world));
}

static void begin_world(void)
{
	static const enum hc_jws_alg missing[] = {HC_JWS_ES256};
	struct hc_gateway *gateway = &world.process.gateway;
	char store[128], seal[128];
	struct hc_gstore_options options = {
		.loops = &world.worker.loop, .loop_count = 1, .post = hc_loop_post};

	end_world();
	hc_log_capture(no_log, NULL);
	FUZZ_REQUIRE(tempdir_make(&world.dir));
	options.path = tempdir_file(&world.dir, "gateway.db", store, sizeof(store));
	gateway->clock = hc_clock_system();
	gateway->config.threads = 1;
	gateway->workers = &world.worker;
	world.worker.gateway = gateway;
	world.process.lanes = &world.lane;
	world.lane = (struct hc_lane){.process = &world.process, .worker = &world.worker};
	FUZZ_REQUIRE(hc_seal_open(tempdir_file(&world.dir, "seal.key", seal, sizeof(seal)), true,
				  &gateway->seal) == HC_OK);
	FUZZ_REQUIRE(hc_keys_first(&world.process, options.path, missing, 1) == HC_OK);
	FUZZ_REQUIRE(hc_loop_new(0, &world.worker.loop) == HC_OK);
	FUZZ_REQUIRE(hc_gstore_open(&options, &gateway->store) == HC_OK);
	world.worker.view = hc_gstore_view(gateway->store, world.worker.loop);
	FUZZ_REQUIRE(hc_duties_new(&world.process, &world.process.duties) == HC_OK);
}

static void on_ready(void *ctx)
{
	(void)ctx;
	hc_loop_stop(world.worker.loop);
}

/* What may never be registered, whoever asks for it. */
static void check_client(void)
{
	char uris[4200] = "", method[64] = "", grants[128] = "";
	const char *why = "";

	if (reply.type != HC_MSG_ROW || !hc_msg_has(&reply, HC_FIELD_AUTH_METHOD))
		return;
	FUZZ_REQUIRE(hc_msg_text(&reply, HC_FIELD_AUTH_METHOD, method, sizeof(method)) == HC_OK);
	FUZZ_REQUIRE(hc_msg_text(&reply, HC_FIELD_GRANTS, grants, sizeof(grants)) == HC_OK);
	if (hc_msg_has(&reply, HC_FIELD_REDIRECT_URIS))
		FUZZ_REQUIRE(hc_msg_text(&reply, HC_FIELD_REDIRECT_URIS, uris, sizeof(uris)) == HC_OK);
	FUZZ_REQUIRE((strstr(grants, "authorization_code") != NULL) == (uris[0] != '\0'));
	FUZZ_REQUIRE(strcmp(method, "none") != 0 || strstr(grants, "client_credentials") == NULL);
	for (char *at = uris; *at != '\0';) {
		const size_t len = strcspn(at, " ");
		const bool last = at[len] == '\0';

		at[len] = '\0';
		FUZZ_REQUIRE(hc_redirect_uri_check(at, &why) == HC_OK);
		at += len + (last ? 0 : 1);
	}
}

static void check_reply(bool done)
{
	uint32_t err = 0;
	const size_t len = reply.len;

	FUZZ_REQUIRE(hc_msg_parse(&reply, len) == HC_OK);
	FUZZ_REQUIRE(reply.type == (done ? HC_MSG_END : HC_MSG_ROW));
	FUZZ_REQUIRE(!done || (hc_msg_u32(&reply, HC_FIELD_ERR, &err) == HC_OK && err < HC_ERR_MAX_));
	check_client();
}

static void read_answer(struct hc_admin_request *taken)
{
	bool ready = false, done = false;

	for (unsigned calls = 0; !done; calls++) {
		FUZZ_REQUIRE(calls < CALLS_MAX);
		if (taken->waiting) {
			FUZZ_REQUIRE(hc_loop_run(world.worker.loop) == HC_OK);
			continue;
		}
		FUZZ_REQUIRE(hc_admin_request_next(taken, &reply, &ready, &done) == HC_OK);
		FUZZ_REQUIRE(ready || !done);
		if (ready)
			check_reply(done);
	}
}

static bool makes_rsa(void)
{
	char alg[16] = "";

	return request.type == HC_MSG_KEY_ROTATE &&
	       (hc_msg_text(&request, HC_FIELD_ALGORITHM, alg, sizeof(alg)) != HC_OK ||
		strcmp(alg, "ES256") != 0);
}

static void take_packet(const uint8_t *data, size_t len)
{
	struct hc_admin_request *taken = NULL;
	enum hc_err err = HC_OK;

	memcpy(request.packet, data, len);
	if (hc_msg_parse(&request, len) != HC_OK || makes_rsa())
		return;
	err = hc_admin_request_new(&world.process, "uid 0 (root)", &request, on_ready, NULL, &taken);
	FUZZ_REQUIRE((err == HC_OK) == (taken != NULL));
	FUZZ_REQUIRE(err == HC_OK || err == HC_ERR_PROTOCOL);
	if (taken != NULL)
		read_answer(taken);
	hc_admin_request_free(&taken);
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
	if (world.worker.loop == NULL)
		(void)atexit(end_world); /* without it a directory stays behind */
	if (world.worker.loop == NULL || world.inputs++ == INPUTS_MAX)
		begin_world();
	for (unsigned i = 0; i < PACKETS_MAX && size > 0; i++) {
		const size_t len = packet_len(data, size);

		take_packet(data, len);
		data += len;
		size -= len;
	}
	return 0;
}
