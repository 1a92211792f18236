/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADMIN_PIN_H
#define HC_ADMIN_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "admin_job.h"
#include "hello.h"

struct hc_secret;

/*
 * What a security key asks an administrator for, and tells. A new PIN is asked for twice, and goes to the key where
 * both times it was the same. Zero-initialised: nothing is asked.
 */
struct hc_admin_pin {
	struct hc_secret *first; /* owned: the new PIN, as it was typed the first time */
	uint32_t min;		 /* its least number of characters */
	bool is_new;		 /* that is what the open question is about */
	bool given;		 /* a new PIN went to the helper, which may ask for the old one again */
};

void hc_admin_pin_clear(struct hc_admin_pin *pin);

/* hc_admin_pin_ask: a DEVICE_ASK; out: the STEP for it. BREAK: a key does not ask for such a thing. */
enum hc_admin_device_act hc_admin_pin_ask(struct hc_admin_job *job, struct hc_admin_pin *pin,
					  const struct hc_msg *msg, struct hc_msg *out);
/* hc_admin_pin_wait: a DEVICE_WAIT; out: the INFO for it. */
enum hc_admin_device_act hc_admin_pin_wait(const struct hc_admin_job *job, const struct hc_msg *msg,
					   struct hc_msg *out);
/* hc_admin_pin_answered: as hc_admin_device_answer. */
enum hc_admin_device_act hc_admin_pin_answered(struct hc_admin_job *job, struct hc_admin_pin *pin,
					       const struct hc_secret *answer, struct hc_msg *out);

/* hc_admin_pin_start: the DEVICE_START of SET_PIN, for the key at path, or any; begun here, not finished. */
void hc_admin_pin_start(const struct hc_admin_job *job, const char *path, struct hc_msg *start);
/* hc_admin_pin_note: a record that a PIN was set or changed, or why not; login: of the person concerned, or NULL. */
void hc_admin_pin_note(const struct hc_admin_job *job, const char *login, enum hc_reason reason,
		       const char *detail);

/* hc_admin_info: the INFO that says the text of that name. */
void hc_admin_info(const struct hc_admin_job *job, const char *name, struct hc_msg *out);

/* How long a person may take at a key, in all. */
#define HC_ADMIN_KEY_TIMEOUT_S 300

#endif
