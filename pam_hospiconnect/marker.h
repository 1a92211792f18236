/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PAM_MARKER_H
#define HC_PAM_MARKER_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/*
 * The second-factor marker: a note on the PAM handle that the primary line accepted two factors of
 * this user in this transaction, so that a later second-factor line need not ask again. It belongs
 * to one user and one process, is taken once, and never leaves the handle.
 */

/*
 * hc_marker_clear: HC_ERR_IO if a marker is there and cannot be removed, or if the handle does not
 * say: the caller must deny.
 */
HC_CHECK enum hc_err hc_marker_clear(pam_handle_t *pamh);

/* hc_marker_set: HC_ERR_NOMEM if it cannot be kept. */
HC_CHECK enum hc_err hc_marker_set(pam_handle_t *pamh, const struct hc_login *login);

/*
 * hc_marker_take: removes whatever marker there is; *ret_valid tells whether it was this user's,
 * made by this process. Errors as hc_marker_clear, with *ret_valid untouched.
 */
HC_CHECK enum hc_err hc_marker_take(pam_handle_t *pamh, const char *user, bool *ret_valid);

#endif
