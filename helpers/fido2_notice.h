/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_FIDO2_NOTICE_H
#define HC_FIDO2_NOTICE_H

#include <stdbool.h>

/*
 * The kernel's word that a security key was plugged in, may be opened now, or was pulled out. Only a reason to look: who
 * hears nothing looks all the same, now and then.
 */

/* hc_fido2_notice_open: has it tell of the nodes in a directory. -1: it does not. Does not block; closed by close(2). */
int hc_fido2_notice_open(const char *directory);

/* hc_fido2_notice_read: takes what was told, without blocking. Whether it may be about a key; a doubt is one. */
bool hc_fido2_notice_read(int fd);

#endif
