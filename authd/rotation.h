/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ROTATION_H
#define HC_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * The exchange of the seal key: everything that is sealed is sealed anew, a few rows a transaction, while the broker
 * serves. The new key lies beside the old one (".new") until all is done; a broker that starts in between goes on with
 * it. What was derived from the first key cannot be derived from another one: it is kept in the store, sealed.
 */

/* What is derived from the seal key, by label. */
#define HC_DERIVED_RECOVERY "hospiconnect recovery v1"
#define HC_DERIVED_HANDLE   "hospiconnect fido user v1"

struct hc_rotation {
	bool began;		/* what is not a row of a person is done */
	char key_id[2 * 8 + 1]; /* the new key: a walk to it says nothing of the next one */
	int64_t cursor;		/* of the credentials */
	uint64_t count;		/* sealed anew */
};

/*
 * hc_rotation_load: at the start, as soon as there are store and seal: what was derived from former keys, and a new key
 * that waits. Logged.
 */
HC_CHECK enum hc_err hc_rotation_load(const struct hc_authd *authd);
/* hc_rotation_resume: goes on with a rotation to its end, if there is one; before anybody is served. Logged. */
HC_CHECK enum hc_err hc_rotation_resume(const struct hc_authd *authd);
/*
 * hc_rotation_begin: makes the new key. HC_ERR_PERM: the key is no file that we can replace; HC_ERR_EXISTS: a
 * rotation runs already.
 */
HC_CHECK enum hc_err hc_rotation_begin(const struct hc_authd *authd);
/*
 * hc_rotation_step: one transaction more; ret_done: the old key is gone, through this walk or another one. actor: for the
 * trail.
 */
HC_CHECK enum hc_err hc_rotation_step(const struct hc_authd *authd, struct hc_rotation *rotation,
				      const char *actor, bool *ret_done);

#endif
