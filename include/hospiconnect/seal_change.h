/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SEAL_CHANGE_H
#define HC_SEAL_CHANGE_H

#include "hospiconnect/attrs.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/err.h"

/*
 * The files of a seal key that is exchanged: the new one lies beside it, as PATH.new, until everything is sealed under
 * it. Two files: a rotation is under way.
 */

/* hc_seal_change_begin: makes PATH.new. HC_ERR_EXISTS; HC_ERR_PERM where we may not write there. */
HC_CHECK enum hc_err hc_seal_change_begin(const char *path);
/* hc_seal_change_load: with PATH.new there, its key succeeds (hc_seal_succeed); without it nothing. Logged. */
HC_CHECK enum hc_err hc_seal_change_load(const char *path, struct hc_seal *seal);
/*
 * hc_seal_change_end: nothing is sealed under the former key any more: its file is overwritten, the new one takes its
 * place, and the seal forgets it. Killed in between, it is done again. HC_ERR_NOTFOUND, HC_ERR_STATE: PATH.new is not
 * there, or has another key than the seal: nothing was touched.
 */
HC_CHECK enum hc_err hc_seal_change_end(const char *path, struct hc_seal *seal);

#endif
