/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SETTINGS_H
#define HC_SETTINGS_H

#include <stddef.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/config.h"
#include "hospiconnect/err.h"

/*
 * authd.conf, read into struct hc_authd_config. Keys, defaults and ranges: hospiconnect-authd.conf(5).
 * Neither function keeps anything or logs.
 */

/*
 * hc_settings_parse: text (len bytes, borrowed) into ret_config, defaults filled in, and keys that
 * contradict each other refused. HC_ERR_INVALID with the first error in ret_error; ret_config is
 * then untouched.
 */
HC_CHECK enum hc_err hc_settings_parse(const char *text, size_t len, struct hc_authd_config *ret_config,
				       struct hc_config_error *ret_error);

/*
 * hc_settings_load: the same from a file that belongs to root or to the effective user and that
 * nobody else may write. On failure ret_why (cap bytes) holds "PATH: why" or "PATH:LINE: why" for a
 * person to read. Errors: those of hc_file_read, HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_settings_load(const char *path, struct hc_authd_config *ret_config, char *ret_why,
				      size_t cap);

#endif
