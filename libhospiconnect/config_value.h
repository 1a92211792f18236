/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFIG_VALUE_H
#define HC_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "hospiconnect/config.h"

/*
 * hc_config_value_read: stores value into target at the key's place. HC_ERR_INVALID: `want` says
 * what would be right ("must be yes or no"). is_preset: the value is the key's own default.
 */
HC_CHECK enum hc_err hc_config_value_read(const struct hc_config_key *key, const char *value, bool is_preset,
					  void *target, char *want, size_t want_cap);

#endif
