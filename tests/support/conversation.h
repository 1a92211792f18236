/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CONVERSATION_H
#define HC_TEST_CONVERSATION_H

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * A scripted PAM conversation: answers the questions in order from a list and writes what the
 * person would see, one line each ("prompt: …", "info: …", "error: …"), to out.
 */
struct test_script {
	char *const *answers; /* borrowed, NULL-terminated; the one after the last fails the conversation */
	size_t next;
	unsigned hold_ms; /* wait so long before each answer */
	bool drop_info;	  /* like front ends that lose texts which are not questions */
	FILE *out;	  /* NULL: say nothing */
};

/* test_converse: the conversation function; appdata_ptr is a struct test_script. */
int test_converse(int count, const struct pam_message **messages, struct pam_response **responses, void *ctx);

/* test_pam_name: "PAM_SUCCESS" for PAM_SUCCESS, a number in text for a code that no module of ours uses. */
const char *test_pam_name(int code);

#endif
