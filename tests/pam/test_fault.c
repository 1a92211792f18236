/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The n-th allocation, system call and call into libpam of the module fails, for all n: nothing but
 * the verdict of a broker that was heard to the end lets a host continue, and nothing is lost.
 */
#include "host.h"

#include <errno.h>
#include <security/pam_modules.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"

#define EXPORT	     __attribute__((visibility("default")))
#define FAULT_LIBPAM 100 /* a kind of our own beside hc_fault's */
#define CALLS_MAX    200

/* What fails while the module runs. */
static struct {
	int kind;
	unsigned n;
	bool all_later;
	bool running;
	bool data_is_there; /* pam_get_data does not fail */
	/* calls into libpam, counted like hc_fault's */
	unsigned calls;
	bool hit;
} plan;

static bool libpam_fails(void)
{
	if (!plan.running || plan.kind != FAULT_LIBPAM)
		return false;
	plan.calls++;
	if (plan.calls != plan.n && !(plan.all_later && plan.calls > plan.n))
		return false;
	plan.hit = true;
	return true;
}

int __real_pam_get_item(const pam_handle_t *pamh, int item, const void **ret_item);
int __wrap_pam_get_item(const pam_handle_t *pamh, int item, const void **ret_item);
int __wrap_pam_get_item(const pam_handle_t *pamh, int item, const void **ret_item)
{
	return libpam_fails() ? PAM_SYSTEM_ERR : __real_pam_get_item(pamh, item, ret_item);
}

int __real_pam_get_data(const pam_handle_t *pamh, const char *name, const void **ret_data);
int __wrap_pam_get_data(const pam_handle_t *pamh, const char *name, const void **ret_data);
int __wrap_pam_get_data(const pam_handle_t *pamh, const char *name, const void **ret_data)
{
	if (plan.data_is_there)
		return __real_pam_get_data(pamh, name, ret_data);
	return libpam_fails() ? PAM_SYSTEM_ERR : __real_pam_get_data(pamh, name, ret_data);
}

typedef void (*cleanup_fn)(pam_handle_t *, void *, int);
int __real_pam_set_data(pam_handle_t *pamh, const char *name, void *data, cleanup_fn cleanup);
int __wrap_pam_set_data(pam_handle_t *pamh, const char *name, void *data, cleanup_fn cleanup);
int __wrap_pam_set_data(pam_handle_t *pamh, const char *name, void *data, cleanup_fn cleanup)
{
	return libpam_fails() ? PAM_BUF_ERR : __real_pam_set_data(pamh, name, data, cleanup);
}

int __real_pam_get_user(pam_handle_t *pamh, const char **ret_user, const char *prompt);
int __wrap_pam_get_user(pam_handle_t *pamh, const char **ret_user, const char *prompt);
int __wrap_pam_get_user(pam_handle_t *pamh, const char **ret_user, const char *prompt)
{
	return libpam_fails() ? PAM_BUF_ERR : __real_pam_get_user(pamh, ret_user, prompt);
}

const char *__real_pam_getenv(pam_handle_t *pamh, const char *name);
const char *__wrap_pam_getenv(pam_handle_t *pamh, const char *name);
const char *__wrap_pam_getenv(pam_handle_t *pamh, const char *name)
{
	return libpam_fails() ? NULL : __real_pam_getenv(pamh, name);
}

/* ---- what the trampoline jumps to ---- */

EXPORT int test_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv);
EXPORT int test_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv);

static void arm(void)
{
	plan.running = true;
	if (plan.kind == FAULT_LIBPAM)
		return;
	if (plan.all_later)
		hc_fault_arm_from((enum hc_fault_kind)plan.kind, plan.n);
	else
		hc_fault_arm((enum hc_fault_kind)plan.kind, plan.n);
}

static void disarm(void)
{
	plan.running = false;
	if (plan.kind == FAULT_LIBPAM)
		return;
	hc_fault_disarm();
	plan.hit = plan.hit || hc_fault_hit();
}

/* A line with "spared" in front runs without faults: it prepares what the next line finds. */
static bool is_spared(int *argc, const char ***argv)
{
	if (*argc == 0 || strcmp((*argv)[0], "spared") != 0)
		return false;
	(*argc)--;
	(*argv)++;
	return true;
}

int test_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	bool spared = is_spared(&argc, &argv);
	int code;

	if (!spared)
		arm();
	code = pam_sm_authenticate(pamh, flags, argc, argv);
	if (!spared)
		disarm();
	return code;
}

int test_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	int code;

	arm();
	code = pam_sm_acct_mgmt(pamh, flags, argc, argv);
	disarm();
	return code;
}

/* ---- scenes ---- */

static const struct scripted_line wrong_code[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_INFO, 0, 0, "Bonjour."},
	{SCRIPTED_STEP, HC_STEP_SECRET, 0, "Code : "},
	{SCRIPTED_ANSWER, 0, 0, NULL},
	{SCRIPTED_KEEPALIVE, 2, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY, HC_REASON_WRONG_CODE, NULL},
	{SCRIPTED_END, 0, 0, NULL},
};
static const struct scripted_line refused[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_RESULT, HC_DENY_LOCKED, HC_REASON_LOCKED_OUT, "Verrouillé."},
	{SCRIPTED_END, 0, 0, NULL},
};

static const struct scripted_line login_typed[] = {
	{SCRIPTED_HELLO, 0, 0, NULL},
	{SCRIPTED_STEP, HC_STEP_LOGIN, 0, "Identifiant : "},
	{SCRIPTED_END, 0, 0, NULL},
};

struct scene {
	const char *what;
	const char *stack;
	const char *user, *rhost;
	const struct scripted_line *parts[2];
	int undisturbed; /* the code when nothing fails */
	bool data_is_there;
};

#define SCENE(w, s, u, r, p, c)                                                            \
	{                                                                                  \
		.what = (w), .stack = (s), .user = (u), .rhost = (r), .parts = {(p), (p)}, \
		.undisturbed = (c)                                                         \
	}
/* The neighbour lets in whoever the module leaves alone, so that nothing is hidden by its absence. */
#define AUTH	"auth required @\nauth required pam_permit.so\n"
#define ACCOUNT "account required @\naccount required pam_permit.so\n"
#define REMOTE	"192.0.2.7"

static const struct scene scenes[] = {
	SCENE("wrong code", AUTH, "martin", NULL, wrong_code, PAM_AUTH_ERR),
	SCENE("locked, remote", "auth required @ mode=second-factor\nauth required pam_permit.so\n", "martin",
	      REMOTE, refused, PAM_MAXTRIES),
	SCENE("exempt, but remote", AUTH, "root", REMOTE, refused, PAM_MAXTRIES),
	SCENE("user asked for", AUTH, NULL, NULL, wrong_code, PAM_AUTH_ERR),
	{.what = "login typed", .stack = AUTH, .parts = {login_typed, refused}, .undisturbed = PAM_MAXTRIES},
	SCENE("bad argument", "auth required @ nouserok\nauth required pam_permit.so\n", "root", NULL,
	      refused, PAM_SERVICE_ERR),
	SCENE("account refused", ACCOUNT, "martin", NULL, refused, PAM_PERM_DENIED),
	SCENE("account exempt, but remote", ACCOUNT, "root", REMOTE, refused, PAM_PERM_DENIED),
	/*
	 * A marker is there when the primary line is entered: it must not survive to the next line, even
	 * where the stack does not care about the primary line. With a libpam that denies having it,
	 * nobody could remove it; the real one never does that to a module.
	 */
	{.what = "stale marker",
	 .stack = "auth optional @ spared mode=primary\n"
		  "auth optional @ mode=primary\n"
		  "auth required @ spared mode=second-factor\n",
	 .user = "martin",
	 .parts = {part_allow_now, refused},
	 .undisturbed = PAM_MAXTRIES,
	 .data_is_there = true},
};

static struct {
	int code;
	bool hit;
} played;

static void write_scene_stack(struct host *host, const char *stack)
{
	char text[1024];
	const char *spared = "@ spared ", *at;
	size_t used = 0;

	/* "spared" comes first, before socket= */
	for (at = stack; *at != '\0' && used + 256 < sizeof(text);) {
		if (strncmp(at, spared, strlen(spared)) == 0) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%% spared socket=%s ",
						 host->socket);
			at += strlen(spared);
		} else {
			text[used++] = *at++;
		}
	}
	text[used] = '\0';
	host_stack(host, "fault", text);
}

static void play(struct host *host, const struct scene *scene, int kind, unsigned n, bool all_later)
{
	int (*call)(pam_handle_t *, int) =
		strncmp(scene->stack, "auth", 4) == 0 ? pam_authenticate : pam_acct_mgmt;
	const char *const answers[] = {scene->user == NULL ? "martin" : "123456", "123456", NULL};

	host_reset(host, HOST_ANSWERS, answers);
	host_broker_parts(host, scene->parts, 2);
	host_start(host, "fault", scene->user, scene->rhost);
	plan.kind = kind;
	plan.n = n;
	plan.all_later = all_later;
	plan.data_is_there = scene->data_is_there;
	plan.calls = 0;
	plan.hit = false;
	played.code = call(host->pamh, 0);
	played.hit = plan.hit;
	host_end(host);
	scripted_stop(&host->broker, NULL);
}

static const int errnos[] = {EIO, EINTR, ENOMEM, ECONNRESET, EPIPE, EACCES, EMFILE};

/* Every n of one kind in one scene; *ret_tried: how many calls there are. */
static void fail_each(struct host *host, const struct scene *scene, int kind, bool all_later,
		      unsigned *ret_tried)
{
	int fds = host_fds();
	unsigned n;

	for (n = 1; n < CALLS_MAX; n++) {
		play(host, scene, kind, n, all_later);
		if (!played.hit)
			break;
		if (played.code == PAM_SUCCESS || played.code == PAM_IGNORE)
			fail_msg("%s: call %u of kind %d (%s) failed, and the host got %d\n%s", scene->what,
				 n, kind, kind == FAULT_LIBPAM ? "libpam" : hc_fault_symbol(), played.code,
				 host_log());
		if (host_fds() != fds)
			fail_msg("%s: call %u of kind %d left a descriptor", scene->what, n, kind);
	}
	assert_true(n < CALLS_MAX);
	if (played.code != scene->undisturbed)
		fail_msg("%s: undisturbed code %d", scene->what, played.code);
	*ret_tried = n - 1;
}

static void each_scene(struct host *host, int kind, bool all_later, unsigned least)
{
	unsigned tried, most = 0;

	for (size_t i = 0; i < HC_COUNT(scenes); i++) {
		write_scene_stack(host, scenes[i].stack);
		fail_each(host, &scenes[i], kind, all_later, &tried);
		most = tried > most ? tried : most;
	}
	/* the test would pass just as well if nothing were wrapped */
	if (most < least)
		fail_msg("only %u calls were made to fail", most);
}

static void no_failing_allocation_lets_anybody_in(void **state)
{
	each_scene(*state, HC_FAULT_MEMORY, false, 3);
	each_scene(*state, HC_FAULT_MEMORY, true, 1);
}

static void no_failing_system_call_lets_anybody_in(void **state)
{
	for (size_t i = 0; i < HC_COUNT(errnos); i++) {
		hc_fault_errno(errnos[i]);
		each_scene(*state, HC_FAULT_SYSTEM, false, 6);
	}
	hc_fault_errno(EIO);
	each_scene(*state, HC_FAULT_SYSTEM, true, 6);
}

static void no_failing_call_into_libpam_lets_anybody_in(void **state)
{
	each_scene(*state, FAULT_LIBPAM, false, 8);
	each_scene(*state, FAULT_LIBPAM, true, 8);
}

/* ---- the other side: who would be let in is refused with a code that says why, or let in ---- */

static const struct scene good[] = {
	SCENE("right code", AUTH, "martin", NULL, part_allow, PAM_SUCCESS),
	SCENE("good account", ACCOUNT, "martin", NULL, part_allow_now, PAM_SUCCESS),
};

static bool is_trouble_code(int code)
{
	return code == PAM_AUTHINFO_UNAVAIL || code == PAM_BUF_ERR || code == PAM_SERVICE_ERR ||
	       code == PAM_CONV_ERR || code == PAM_AUTH_ERR || code == PAM_USER_UNKNOWN;
}

static void without_memory_a_right_code_is_refused_with_a_code_of_its_own(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(good); i++) {
		write_scene_stack(host, good[i].stack);
		for (unsigned n = 1; n < CALLS_MAX; n++) {
			play(host, &good[i], HC_FAULT_MEMORY, n, false);
			if (!played.hit)
				break;
			if (played.code != PAM_BUF_ERR)
				fail_msg("%s: allocation %u (%s): %d", good[i].what, n, hc_fault_symbol(),
					 played.code);
		}
		assert_int_equal(played.code, PAM_SUCCESS);
	}
}

static void with_a_failing_system_call_a_right_code_passes_or_is_unavailable(void **state)
{
	struct host *host = *state;

	for (size_t i = 0; i < HC_COUNT(good); i++) {
		write_scene_stack(host, good[i].stack);
		for (unsigned n = 1; n < CALLS_MAX; n++) {
			play(host, &good[i], HC_FAULT_SYSTEM, n, false);
			if (!played.hit)
				break;
			if (played.code != PAM_SUCCESS && !is_trouble_code(played.code))
				fail_msg("%s: %s: %d", good[i].what, hc_fault_symbol(), played.code);
			/* closing is the one call that may fail when all is said */
			if (played.code == PAM_SUCCESS && strcmp(hc_fault_symbol(), "close") != 0)
				fail_msg("%s: %s failed unnoticed", good[i].what, hc_fault_symbol());
		}
		assert_int_equal(played.code, PAM_SUCCESS);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_failing_allocation_lets_anybody_in),
		CASE(no_failing_system_call_lets_anybody_in),
		CASE(no_failing_call_into_libpam_lets_anybody_in),
		CASE(without_memory_a_right_code_is_refused_with_a_code_of_its_own),
		CASE(with_a_failing_system_call_a_right_code_passes_or_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
