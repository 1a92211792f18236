/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_SHOW_H
#define HC_FIDO2_SHOW_H

#include <stdbool.h>

#include "hospiconnect/text.h"

/*
 * For the help desk, by hand: the keys that are plugged in, on standard output. path NULL: all of them.
 * brief: one line each. Nothing is asked, no touch is waited for, no try used. Returns the exit status:
 * a list of none is a success, a key that was named and is not there is not.
 */
struct hc_fido2_show {
	enum hc_lang lang;
	bool brief, json;
	const char *path;
};
int hc_fido2_show(const struct hc_fido2_show *how);

#endif
