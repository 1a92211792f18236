/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUDIT_SUPPORT_H
#define HC_AUDIT_SUPPORT_H

#include <sys/socket.h>
#include <sys/un.h>

#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "audit.h"
#include "audit_internal.h"
#include "hospiconnect/clock.h"
#include "store_support.h"

/* A trail over a store, a clock that stands still until it is moved, and a syslog of our own. */
struct trail {
	struct bench bench;
	struct hc_clock clock;
	int64_t real_ms, mono_ms;
	struct hc_seal *seal;
	struct hc_audit *audit;
	int syslog; /* the receiving end */
	char syslog_path[96];
};

static inline int64_t trail_real(void *ctx)
{
	return ((struct trail *)ctx)->real_ms;
}

static inline int64_t trail_mono(void *ctx)
{
	return ((struct trail *)ctx)->mono_ms;
}

static inline int trail_listen(struct trail *trail)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", trail->syslog_path);
	trail->syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return bind(trail->syslog, (const struct sockaddr *)&address, sizeof(address));
}

/* Opens the trail and points its syslog at ours. */
static inline enum hc_err trail_open(struct trail *trail)
{
	const enum hc_err err = hc_audit_open(trail->bench.store, trail->seal, &trail->clock, &trail->audit);

	if (err == HC_OK) {
		hc_audit_syslog_close(&trail->audit->syslog);
		hc_audit_syslog_open(&trail->audit->syslog, trail->syslog_path);
	}
	return err;
}

static inline int trail_setup(void **state)
{
	struct trail *trail = calloc(1, sizeof(*trail));
	char path[128];

	if (trail == NULL || !tempdir_make(&trail->bench.dir))
		return -1;
	*state = trail;
	(void)tempdir_file(&trail->bench.dir, "hospiconnect.db", trail->bench.path,
			   sizeof(trail->bench.path));
	(void)tempdir_file(&trail->bench.dir, "syslog", trail->syslog_path, sizeof(trail->syslog_path));
	hc_log_capture(bench_log, &trail->bench);
	trail->clock = (struct hc_clock){trail_real, trail_mono, trail};
	trail->real_ms = INT64_C(1800000000123);
	(void)tempdir_file(&trail->bench.dir, "seal.key", path, sizeof(path));
	if (trail_listen(trail) != 0 || hc_store_open(trail->bench.path, &trail->bench.store) != HC_OK ||
	    hc_seal_open(path, true, &trail->seal) != HC_OK)
		return -1;
	return trail_open(trail) == HC_OK ? 0 : -1;
}

static inline void trail_close(struct trail *trail)
{
	hc_audit_free(&trail->audit);
	hc_store_free(&trail->bench.store);
}

static inline void trail_reopen(struct trail *trail)
{
	trail_close(trail);
	assert_int_equal(hc_store_open(trail->bench.path, &trail->bench.store), HC_OK);
	assert_int_equal(trail_open(trail), HC_OK);
}

static inline int trail_teardown(void **state)
{
	struct trail *trail = *state;

	trail_close(trail);
	hc_seal_free(&trail->seal);
	hc_log_capture(NULL, NULL);
	if (trail->syslog >= 0)
		(void)close(trail->syslog);
	tempdir_remove(&trail->bench.dir);
	free(trail);
	return 0;
}

/* The next line that syslog got, or "" when there is none. */
static inline const char *trail_line(struct trail *trail)
{
	static char line[8192];
	const ssize_t len = recv(trail->syslog, line, sizeof(line) - 1, MSG_DONTWAIT);

	line[len < 0 ? 0 : len] = '\0';
	return line;
}

static inline void trail_drain(struct trail *trail)
{
	while (trail_line(trail)[0] != '\0')
		;
}

static inline struct hc_audit_entry entry_of(const char *login)
{
	return (struct hc_audit_entry){.event = HC_AUDIT_SIGN_IN,
				       .success = true,
				       .login = login,
				       .factor = "totp",
				       .credential = "aaaabbbbcccc",
				       .service = "sshd",
				       .origin = "192.0.2.7",
				       .actor = "uid 0 (root)"};
}

static inline void add_records(struct trail *trail, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char login[24];

		(void)snprintf(login, sizeof(login), "user%u", i);
		const struct hc_audit_entry entry = entry_of(login);
		trail->real_ms += 1000;
		assert_int_equal(hc_audit_note(trail->audit, &entry), HC_OK);
		trail_drain(trail);
	}
}

#endif
