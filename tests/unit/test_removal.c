/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions are watched, without a bus: logind itself is asked in tests/integration. */
#include "removal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <systemd/sd-event.h>

#include "factor.h"
#include "factor_fido2.h"
#include "hello.h"
#include "hospiconnect/file.h"
#include "removal_internal.h"
#include "starter.h"
#include "tests/support/decision_rig.h"

#define TURNS_MS 10000

struct bench {
	struct rig rig;
	sd_event *event;
	struct hc_starter *starter;
	struct hc_devices *devices;
	struct hc_removal *removal;
	struct hc_caller caller;
	struct hc_hello hello;
	struct hc_msg done;
};

static void copy_program(const char *to_path)
{
	char buffer[65536];
	size_t len;
	FILE *from = fopen(HC_DEVICE_HELPER, "re"), *to = fopen(to_path, "we");

	assert_non_null(from);
	assert_non_null(to);
	while ((len = fread(buffer, 1, sizeof(buffer), from)) > 0)
		assert_int_equal(fwrite(buffer, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(fclose(from), 0);
	assert_int_equal(chmod(to_path, 0700), 0);
}

static void play(struct bench *bench, const char *part)
{
	char path[160];
	FILE *file;

	(void)tempdir_file(&bench->rig.dir, "hc-fido2.part", path, sizeof(path));
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(part, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void open_removal(struct bench *bench)
{
	assert_int_equal(hc_starter_new(bench->rig.dir.path, NULL, &bench->starter), HC_OK);
	const struct hc_devices_options options = {.event = bench->event, .starter = bench->starter};

	assert_int_equal(hc_devices_new(&options, &bench->devices), HC_OK);
	assert_int_equal(hc_removal_new(&bench->rig.authd, bench->event, bench->devices, &bench->removal),
			 HC_OK);
}

static void close_removal(struct bench *bench)
{
	hc_removal_free(&bench->removal);
	hc_devices_free(&bench->devices);
	hc_starter_free(&bench->starter);
}

static void put_done(struct bench *bench, const char *path)
{
	hc_msg_init(&bench->done, HC_MSG_DEVICE_DONE);
	hc_msg_put_text(&bench->done, HC_FIELD_DEVICE_PATH, path);
	hc_msg_put_text(&bench->done, HC_FIELD_LABEL, "Blue key");
	hc_msg_put_u64(&bench->done, HC_FIELD_DEVICE_INSTANCE, 17);
	assert_int_equal(hc_msg_finish(&bench->done), HC_OK);
	assert_int_equal(hc_msg_parse(&bench->done, bench->done.len), HC_OK);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char path[160];

	assert_non_null(bench);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), 0);
	rig_open(&bench->rig);
	bench->rig.log_expected = true; /* that there is no bus */
	assert_true(sd_event_new(&bench->event) >= 0);
	snprintf(bench->rig.config.state_dir, sizeof(bench->rig.config.state_dir), "%s", bench->rig.dir.path);
	bench->rig.config.fido.on_removal = HC_ON_REMOVAL_LOCK;
	bench->rig.config.cps.on_removal = HC_ON_REMOVAL_LOCK;
	(void)tempdir_file(&bench->rig.dir, "hc-fido2", path, sizeof(path));
	copy_program(path);
	play(bench, "start\nwait 4\nhang\n");
	open_removal(bench);
	bench->caller = bench->rig.root;
	bench->caller.pid = getpid();
	bench->hello = (struct hc_hello){.request = HC_REQUEST_AUTHENTICATE,
					 .mode = HC_MODE_PRIMARY,
					 .login_valid = true,
					 .service_valid = true,
					 .login = {"martin"},
					 .service = {"login"}};
	put_done(bench, "/dev/hidraw3");
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	close_removal(bench);
	(void)sd_event_unref(bench->event); /* gives NULL back */
	rig_close(&bench->rig);
	free(bench);
	return 0;
}

static void sign_in(struct bench *bench)
{
	hc_removal_signed_in(bench->removal, &bench->caller, &bench->hello, &hc_factor_fido2, HC_HELPER_FIDO2,
			     &bench->done);
}

static unsigned watched(const struct bench *bench)
{
	bool bus = true;
	unsigned count = hc_removal_count(bench->removal, &bus);

	assert_false(bus);
	return count;
}

/* ---- whose session ---- */

static void from_afar(struct bench *bench)
{
	bench->hello.remote = true;
}

static void behind_a_password(struct bench *bench)
{
	bench->hello.mode = HC_MODE_SECOND_FACTOR;
}

static void by_a_locker(struct bench *bench)
{
	bench->caller = rig_user(1000, "martin");
	bench->caller.pid = getpid();
}

static void without_a_place(struct bench *bench)
{
	put_done(bench, "");
}

static void where_nothing_is_to_happen(struct bench *bench)
{
	bench->rig.config.fido.on_removal = HC_ON_REMOVAL_NOTHING;
}

static void a_session_is_not_watched_that_no_device_here_opened(void **state)
{
	static void (*const rows[])(struct bench *) = {from_afar, behind_a_password, by_a_locker,
						       without_a_place, where_nothing_is_to_happen};
	struct bench *bench = *state;
	const struct bench before = *bench;

	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		rows[i](bench);
		sign_in(bench);
		bench->caller = before.caller;
		bench->hello = before.hello;
		hc_removal_session_opened(bench->removal, &bench->caller, &bench->hello);
		if (watched(bench) != 0)
			fail_msg("row %zu is watched", i);
		bench->rig.config.fido.on_removal = HC_ON_REMOVAL_LOCK;
		put_done(bench, "/dev/hidraw3");
	}
}

static void a_session_of_another_process_or_person_is_not_watched(void **state)
{
	struct bench *bench = *state;
	struct hc_caller other = bench->caller;
	struct hc_hello somebody = bench->hello;

	sign_in(bench);
	other.pid = getppid();
	hc_removal_session_opened(bench->removal, &other, &bench->hello);
	assert_int_equal(watched(bench), 0);
	(void)snprintf(somebody.login.text, sizeof(somebody.login.text), "durand");
	hc_removal_session_opened(bench->removal, &bench->caller, &somebody);
	assert_int_equal(watched(bench), 0);
	other = bench->caller;
	other.kind = HC_CALLER_USER;
	hc_removal_session_opened(bench->removal, &other, &bench->hello);
	assert_int_equal(watched(bench), 0);
	hc_removal_session_opened(bench->removal, &bench->caller, &bench->hello); /* nobody used it up */
	assert_int_equal(watched(bench), 1);
}

static void nothing_happens_without_devices(void **state)
{
	struct bench *bench = *state;
	bool bus = true;

	hc_removal_signed_in(NULL, &bench->caller, &bench->hello, &hc_factor_fido2, HC_HELPER_FIDO2,
			     &bench->done);
	hc_removal_session_opened(NULL, &bench->caller, &bench->hello);
	hc_removal_session_closed(NULL, &bench->caller, &bench->hello);

	assert_int_equal(hc_removal_count(NULL, &bus), 0);
	assert_false(bus);
}

static void a_session_is_watched_until_it_is_closed(void **state)
{
	struct bench *bench = *state;

	sign_in(bench);
	sign_in(bench); /* a second one of the same program takes the place of the first */
	assert_int_equal(watched(bench), 0);
	hc_removal_session_opened(bench->removal, &bench->caller, &bench->hello);
	assert_int_equal(watched(bench), 1);
	assert_int_equal(hc_devices_count(bench->devices), 0); /* it takes no place from those who sign in */
	hc_removal_session_opened(bench->removal, &bench->caller, &bench->hello);
	assert_int_equal(watched(bench), 1);

	hc_removal_session_closed(bench->removal, &bench->caller, &bench->hello);

	assert_int_equal(watched(bench), 0);
}

static void a_removal_that_nobody_can_act_upon_is_recorded(void **state)
{
	struct bench *bench = *state;
	struct hc_audit_record record;
	int64_t before = rig_trail_len(&bench->rig);

	play(bench, "start\ndone\n");
	sign_in(bench);
	hc_removal_session_opened(bench->removal, &bench->caller, &bench->hello);
	for (int i = 0; i < TURNS_MS / 10 && rig_trail_len(&bench->rig) == before; i++) {
		assert_true(sd_event_run(bench->event, 10000) >= 0);
		bench->rig.clock.monotonic_ms += 100;
	}

	assert_int_equal(rig_trail_len(&bench->rig), before + 1);
	record = rig_trail(&bench->rig, 0);
	assert_string_equal(record.event, "device-removed");
	assert_string_equal(record.outcome, "failure");
	assert_string_equal(record.login, "martin");
	assert_string_equal(record.factor, "fido2");
	assert_non_null(strstr(record.detail, "/dev/hidraw3: Blue key"));
}

/* ---- from one broker to the next ---- */

static void what_was_watched_is_known_after_a_restart(void **state)
{
	struct bench *bench = *state;
	struct hc_removal_watch *watch = hc_removal_add(bench->removal);

	assert_non_null(watch);
	watch->state = HC_REMOVAL_LOCKED;
	watch->login = bench->hello.login;
	watch->service = bench->hello.service;
	watch->pid = getpid();
	watch->place = (struct hc_removal_place){
		.helper = HC_HELPER_FIDO2, .path = "/dev/hidraw3", .has_instance = true, .instance = 17};
	(void)snprintf(watch->session, sizeof(watch->session), "c7");
	hc_removal_save(bench->removal);
	close_removal(bench);
	open_removal(bench);

	assert_int_equal(watched(bench), 1);
	watch = bench->removal->first;
	assert_string_equal(watch->expected, "c7");
	assert_string_equal(watch->session, ""); /* until logind has said that it still is that session */
	assert_string_equal(watch->login.text, "martin");
	assert_string_equal(watch->place.path, "/dev/hidraw3");
	assert_int_equal(watch->place.instance, 17);
	assert_int_equal(watch->state, HC_REMOVAL_WATCHING);
	bench->rig.config.fido.on_removal = HC_ON_REMOVAL_NOTHING;
	close_removal(bench);
	open_removal(bench);
	assert_int_equal(watched(bench), 0);
}

static void a_damaged_file_keeps_no_broker_from_starting(void **state)
{
	struct bench *bench = *state;
	char path[160], bytes[600];

	(void)tempdir_file(&bench->rig.dir, "watches", path, sizeof(path));
	for (size_t len = 1; len < sizeof(bytes); len += 7) {
		memset(bytes, (int)len & 0xff, sizeof(bytes));
		assert_int_equal(hc_file_replace(path, 0600, bytes, len), HC_OK);
		close_removal(bench);
		open_removal(bench);
		if (watched(bench) != 0)
			fail_msg("%zu bytes", len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_session_is_not_watched_that_no_device_here_opened, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_session_of_another_process_or_person_is_not_watched, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nothing_happens_without_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_is_watched_until_it_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removal_that_nobody_can_act_upon_is_recorded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_was_watched_is_known_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_file_keeps_no_broker_from_starting, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
