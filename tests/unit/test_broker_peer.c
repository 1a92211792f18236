/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be the broker: judged by the kernel's word, before anything is said. */
#include "hospiconnect/broker_client.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/broker_rig.h"

#define OTHER_UID 65534

static struct broker_rig rig;
static struct hc_broker *broker;

/* The name service, as the test wants it: an error, nobody, or this uid. */
static struct {
	int error;
	bool known;
	uid_t uid;
	unsigned asked;
} names;

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *text, size_t cap,
		      struct passwd **ret_found);

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *text, size_t cap,
		      struct passwd **ret_found)
{
	(void)text;
	(void)cap;
	names.asked++;
	assert_string_equal(name, HC_BROKER_USER);
	*entry = (struct passwd){.pw_uid = names.uid};
	*ret_found = names.error == 0 && names.known ? entry : NULL;
	return names.error;
}

static int set_up(void **state)
{
	(void)state;
	memset(&names, 0, sizeof(names));
	return broker_rig_make(&rig) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hc_broker_free(&broker);
	broker_rig_remove(&rig);
	return 0;
}

static enum hc_err connect_to(enum hc_broker_peer peer)
{
	hc_broker_free(&broker);
	return hc_broker_connect(rig.path, peer, &rig.clock, &broker);
}

/* SO_PEERCRED names who called listen(2), so that is done as somebody else. */
static void listen_as_other(void)
{
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, -1));
	assert_int_equal(seteuid(OTHER_UID), 0);

	int listening = listen(rig.listener, 4);

	assert_int_equal(seteuid(0), 0);
	assert_int_equal(listening, 0);
}

static void an_impostor_is_refused_before_anything_is_said(void **state)
{
	char byte = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	listen_as_other();
	assert_int_equal(connect_to(HC_PEER_SYSTEM), HC_ERR_PEER);
	assert_null(broker);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_PEER);
	assert_null(broker);
	assert_true(broker_rig_accept(&rig));
	assert_int_equal(recvfrom(rig.peer, &byte, 1, 0, NULL, NULL), 0); /* closed, nothing sent */
}

static void an_ordinary_user_is_not_the_system(void **state)
{
	(void)state;
	if (geteuid() == 0)
		skip();
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	assert_int_equal(connect_to(HC_PEER_SYSTEM), HC_ERR_PEER);
	assert_null(broker);
}

static void a_name_service_that_does_not_vouch_for_the_broker_is_a_refusal(void **state)
{
	static const struct {
		int error;
		bool known;
		uid_t uid;
	} rows[] = {{0, false, OTHER_UID},
		    {EIO, true, OTHER_UID},
		    {ERANGE, true, OTHER_UID},
		    {0, true, OTHER_UID + 1},
		    {0, true, 0}};

	(void)state;
	if (geteuid() != 0)
		skip();
	listen_as_other();
	for (size_t i = 0; i < HC_COUNT(rows); i++) {
		names.error = rows[i].error;
		names.known = rows[i].known;
		names.uid = rows[i].uid;
		if (connect_to(HC_PEER_SYSTEM) != HC_ERR_PEER || broker != NULL)
			fail_msg("row %zu", i);
		/* the backlog is small: take the refused one out of it */
		assert_true(broker_rig_accept(&rig));
		broker_rig_drop_peer(&rig);
	}
	assert_int_equal(names.asked, HC_COUNT(rows));
}

static void the_brokers_own_user_is_the_system(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	listen_as_other();
	names.known = true;
	names.uid = OTHER_UID;
	assert_int_equal(connect_to(HC_PEER_SYSTEM), HC_OK);
}

static void root_is_the_system_without_asking_the_name_service(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	assert_int_equal(connect_to(HC_PEER_SYSTEM), HC_OK);
	assert_int_equal(names.asked, 0);
}

static void a_directory_where_others_can_write_proves_nothing(void **state)
{
	static const mode_t modes[] = {0720, 0702, 01777, 0770};

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 16));
	for (size_t i = 0; i < HC_COUNT(modes); i++) {
		assert_int_equal(chmod(rig.dir.path, modes[i]), 0);
		if (connect_to(HC_PEER_DIRECTORY_OWNER) != HC_ERR_PEER)
			fail_msg("row %zu: mode %o", i, (unsigned)modes[i]);
	}
	assert_int_equal(chmod(rig.dir.path, 0755), 0);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
}

static void a_directory_of_somebody_else_proves_nothing(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	listen_as_other();
	assert_int_equal(chown(rig.dir.path, OTHER_UID, 0), 0);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_OK);
	assert_int_equal(connect_to(HC_PEER_DAEMON), HC_OK);
	assert_int_equal(chown(rig.dir.path, OTHER_UID + 1, 0), 0);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_PEER);
	assert_int_equal(connect_to(HC_PEER_DAEMON), HC_ERR_PEER);
}

static void root_may_serve_in_the_directory_of_a_daemon(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	assert_int_equal(chown(rig.dir.path, OTHER_UID, 0), 0);
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_PEER);
	assert_int_equal(connect_to(HC_PEER_DAEMON), HC_OK);
}

static void a_link_to_a_directory_proves_nothing(void **state)
{
	char link[128], path[160];

	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_SEQPACKET, 4));
	(void)snprintf(link, sizeof(link), "%s-link", rig.dir.path);
	(void)snprintf(path, sizeof(path), "%s/auth.sock", link);
	assert_int_equal(symlink(rig.dir.path, link), 0);

	enum hc_err err = hc_broker_connect(path, HC_PEER_DIRECTORY_OWNER, &rig.clock, &broker);

	assert_int_equal(unlink(link), 0);
	assert_int_equal(err, HC_ERR_PEER);
}

static void a_socket_of_another_kind_is_not_the_broker(void **state)
{
	(void)state;
	assert_true(broker_rig_listen(&rig, SOCK_STREAM, 4));
	assert_int_equal(connect_to(HC_PEER_DIRECTORY_OWNER), HC_ERR_PEER);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(an_impostor_is_refused_before_anything_is_said),
		WITH_RIG(an_ordinary_user_is_not_the_system),
		WITH_RIG(a_name_service_that_does_not_vouch_for_the_broker_is_a_refusal),
		WITH_RIG(the_brokers_own_user_is_the_system),
		WITH_RIG(root_is_the_system_without_asking_the_name_service),
		WITH_RIG(a_directory_where_others_can_write_proves_nothing),
		WITH_RIG(a_directory_of_somebody_else_proves_nothing),
		WITH_RIG(root_may_serve_in_the_directory_of_a_daemon),
		WITH_RIG(a_link_to_a_directory_proves_nothing),
		WITH_RIG(a_socket_of_another_kind_is_not_the_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
