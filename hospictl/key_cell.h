/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_KEY_CELL_H
#define HC_KEY_CELL_H

#include <stddef.h>

#include "hospiconnect/msg.h"

#include "ctl.h"

/* What is known of an enrolled security key, in one cell; empty for a row that is about none. */
void hc_key_cell_human(const struct hc_ctl *ctl, const struct hc_msg *row, char *out, size_t cap);
void hc_key_cell_plain(const struct hc_msg *row, char *out, size_t cap);

#endif
