/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluation of stacks beside libpam itself: random stacks of pam_debug, which returns what it is
 * told, must end in both alike. Includes are absolute: Debian's libpam looks for others in /etc/pam.d
 * even where a service has a directory of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include <cmocka.h>

#include "hospictl/pam_stack.h"

#define STACKS	  600
#define LINES_MAX 7
#define FILES	  3

static const struct {
	const char *name;
	int code;
} results[] = {
	{"success", PAM_SUCCESS},
	{"success", PAM_SUCCESS},
	{"auth_err", PAM_AUTH_ERR},
	{"ignore", PAM_IGNORE},
	{"user_unknown", PAM_USER_UNKNOWN},
	{"authinfo_unavail", PAM_AUTHINFO_UNAVAIL},
	{"new_authtok_reqd", PAM_NEW_AUTHTOK_REQD},
};

static const char *const controls[] = {
	"required",
	"requisite",
	"sufficient",
	"optional",
	"[success=1 default=ignore]",
	"[success=2 default=ignore]",
	"[success=ok ignore=ignore default=die]",
	"[default=ignore]",
	"[success=ok auth_err=1 default=bad]",
	"[success=done default=ok]",
	"[success=ok ignore=reset default=bad]",
	"[default=reset]",
	"[success=done ignore=done default=ignore]",
	"[user_unknown=2 success=ok default=1]",
	"nonsense",
};

static const char *const names[FILES] = {"hc-service", "hc-one", "hc-two"};

static uint32_t seed = 20260101;
static char folder[] = "/tmp/hc-pam-XXXXXX";
static char texts[FILES][2048];

static uint32_t pick(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 13) % below;
}

/* A file may bring in the ones behind it, so that no include runs in a circle. */
static void make_file(size_t file)
{
	uint32_t lines = 1 + pick(LINES_MAX);
	size_t used = 0, cap = sizeof(texts[file]);

	for (uint32_t i = 0; i < lines; i++) {
		uint32_t kind = pick(10);

		if (kind < 3 && file + 1 < FILES) {
			static const char *const ways[] = {"auth include", "auth substack", "@include"};
			size_t other = file + 1 + pick((uint32_t)(FILES - file - 1));

			const char *name = pick(12) == 0 ? "hc-nowhere" : names[other];

			used += (size_t)snprintf(texts[file] + used, cap - used, "%s %s/%s\n", ways[kind],
						 folder, name);
		} else {
			/* in two statements: the order of arguments is the compiler's, the stacks must not be */
			const char *control = controls[pick(HC_COUNT(controls))];
			const char *result = results[pick(HC_COUNT(results))].name;

			used += (size_t)snprintf(texts[file] + used, cap - used,
						 "auth %s pam_debug.so auth=%s\n", control, result);
		}
	}
}

static void write_file(size_t file)
{
	char path[64];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, names[file]);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(texts[file], out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static char *source(const char *name, void *ctx)
{
	const char *slash = strrchr(name, '/');

	(void)ctx;
	for (size_t i = 0; i < FILES; i++) {
		if (strcmp(names[i], slash == NULL ? name : slash + 1) == 0)
			return strdup(texts[i]);
	}
	return NULL;
}

static uint32_t said(const struct hc_pam_line *line, const void *ctx)
{
	char name[32];

	(void)ctx;
	assert_true(hc_pam_argument(line, "auth", name, sizeof(name)));
	for (size_t i = 0; i < HC_COUNT(results); i++) {
		if (strcmp(results[i].name, name) == 0)
			return HC_PAM_BIT(results[i].code);
	}
	fail_msg("no such result: %s", name);
	return 0;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **ret_responses,
		    void *ctx)
{
	(void)messages;
	(void)ctx;
	*ret_responses = calloc((size_t)count, sizeof(**ret_responses));
	return *ret_responses == NULL ? PAM_BUF_ERR : PAM_SUCCESS;
}

/* A service that libpam cannot read is refused at its start. */
static bool libpam_succeeds(void)
{
	const struct pam_conv conversation = {.conv = converse};
	pam_handle_t *pamh = NULL;
	int result;

	if (pam_start_confdir(names[0], "nobody", &conversation, folder, &pamh) != PAM_SUCCESS)
		return false;
	result = pam_authenticate(pamh, PAM_SILENT);
	(void)pam_end(pamh, result); /* nothing is kept */
	return result == PAM_SUCCESS;
}

/* Undecided where libpam's own answer hangs on memory that it never set, and only there. */
static enum hc_pam_answer our_answer(void)
{
	struct hc_pam_stack stack;
	struct hc_pam_path path;
	enum hc_pam_answer answer;

	assert_int_equal(hc_pam_stack_load(source, NULL, names[0], HC_PAM_AUTH, &stack), HC_OK);
	answer = hc_pam_reaches_success(&stack, said, NULL, &path);
	if (stack.unsure && !stack.aborted)
		assert_int_equal(answer, HC_PAM_UNDECIDED);
	else
		assert_int_not_equal(answer, HC_PAM_UNDECIDED);
	hc_pam_stack_clear(&stack);
	return answer;
}

static void random_stacks_end_as_libpam_ends_them(void **state)
{
	unsigned successes = 0, undecided = 0;

	(void)state;
	for (int round = 0; round < STACKS; round++) {
		enum hc_pam_answer answer;
		bool expected;

		for (size_t i = 0; i < FILES; i++) {
			make_file(i);
			write_file(i);
		}
		expected = libpam_succeeds();
		successes += expected ? 1 : 0;
		answer = our_answer();
		undecided += answer == HC_PAM_UNDECIDED ? 1 : 0;
		if (answer != HC_PAM_UNDECIDED && (answer == HC_PAM_SOMETIMES) != expected)
			fail_msg("stack %d: libpam says %d\n%s-- %s\n%s-- %s\n%s", round, expected, texts[0],
				 names[1], texts[1], names[2], texts[2]);
	}
	/* a test of stacks that all end alike would prove nothing */
	assert_in_range(undecided, 1, STACKS / 10);
	assert_in_range(successes, STACKS / 20, STACKS - STACKS / 20);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char path[64];

	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path); /* perhaps never written */
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_stacks_end_as_libpam_ends_them),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
