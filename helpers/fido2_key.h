/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_KEY_H
#define HC_FIDO2_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fido2_request.h"
#include "hospiconnect/device.h"
#include "hospiconnect/secret.h"

/*
 * What the parts of hc-fido2 tell each other about a security key. No libfido2 here: what decides
 * (fido2_choice.c, fido2_machine.c, fido2_work.c) knows keys by these types alone.
 */
#define HC_FIDO2_KEYS_MAX 8

/* What became of a piece of work on a key. */
enum hc_fido2_status {
	HC_FIDO2_OK = 0,
	HC_FIDO2_NO_CREDENTIAL,
	HC_FIDO2_EXCLUDED, /* it holds one of those that it must not hold */
	HC_FIDO2_PIN_WRONG,
	HC_FIDO2_PIN_LOCKED_NOW, /* three wrong ones in a row: until it is pulled out */
	HC_FIDO2_PIN_LOCKED,	 /* for good */
	HC_FIDO2_PIN_MISSING,	 /* it has none, or wants one */
	HC_FIDO2_PIN_CHANGE,	 /* it wants a new one first */
	HC_FIDO2_PIN_REFUSED,	 /* the new one is not good enough for it */
	HC_FIDO2_FINGER_WRONG,
	HC_FIDO2_FINGER_LOCKED,
	HC_FIDO2_TIMED_OUT, /* by the key's own clock */
	HC_FIDO2_DENIED,    /* by the person, at a key that can ask */
	HC_FIDO2_CANCELLED,
	HC_FIDO2_FULL,
	HC_FIDO2_UNSUPPORTED,
	HC_FIDO2_GONE,	/* it does not answer, or is not there any more */
	HC_FIDO2_FAILED /* what it answered makes no sense */
};

/* How a key finds out who the person is. */
enum hc_fido2_verify { HC_FIDO2_TOUCH_ALONE, HC_FIDO2_BY_PIN, HC_FIDO2_BY_FINGER };

enum hc_fido2_job {
	HC_FIDO2_PROBE = 1, /* open it, read what it is, whether it holds a credential, tries left */
	HC_FIDO2_SELECT,    /* wait for a touch that means "this one" */
	HC_FIDO2_ASSERT,
	HC_FIDO2_MAKE,
	HC_FIDO2_SET_PIN
};

struct hc_fido2_task {
	enum hc_fido2_job job;
	enum hc_fido2_verify verify;
	/* NUL-terminated; borrowed, and unchanged until the job has finished. */
	const struct hc_secret *pin, *new_pin;
};

/* What a key is, and what it is to this request. Tries are -1 where they are not known. */
struct hc_fido2_facts {
	bool fido2, can_pin, has_pin, can_finger, has_finger, always_verify, discoverable, protect;
	bool pin_change, holds;
	int pin_tries, finger_tries;
	uint32_t pin_min;
	int32_t algorithms[HC_DEVICE_ALGORITHMS_MAX];
	size_t algorithm_count; /* 0: it does not say */
	uint8_t aaguid[16];
	char options[512], versions[128];
};

/* One account that answered, or the credential that was made. */
struct hc_fido2_account {
	uint8_t credential[HC_DEVICE_CREDENTIAL_MAX];
	uint8_t auth_data[HC_DEVICE_AUTH_DATA_MAX];
	uint8_t signature[HC_DEVICE_SIGNATURE_MAX];
	uint8_t handle[HC_DEVICE_USER_HANDLE_MAX];
	size_t credential_len, auth_data_len, signature_len, handle_len;
	char name[HC_FIDO2_LABEL_MAX + 1]; /* as the key tells it, fit to be shown */
};

struct hc_fido2_outcome {
	enum hc_fido2_status status;
	const char *detail;		   /* for logs; static, may be NULL */
	struct hc_fido2_facts facts;	   /* PROBE: all; else the tries that are left */
	struct hc_fido2_account *accounts; /* ASSERT, MAKE: owned */
	size_t group;			   /* ASSERT: which of the request's they answer for */
	const char *rp_id;		   /* ASSERT: its name; borrowed from the request */
	size_t account_count;
	uint8_t *attestation; /* MAKE: owned */
	size_t attestation_len;
	char format[33];
};

/* hc_fido2_outcome_clear: frees what it owns; zeroed afterwards. */
void hc_fido2_outcome_clear(struct hc_fido2_outcome *outcome);

#endif
