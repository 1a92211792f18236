/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CRL_SETTINGS_H
#define HC_CRL_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "hospiconnect/identity.h"

/* crl.conf: keys, defaults and ranges in hospiconnect-crl.conf(5). */
#define HC_CRL_URLS_MAX 16
#define HC_CRL_URL_MAX	255
#define HC_CRL_PATH_MAX 256

struct hc_crl_config {
	char trust_dir[HC_CRL_PATH_MAX], crl_dir[HC_CRL_PATH_MAX];
	char user[HC_LOGIN_MAX + 1];
	struct hc_crl_urls {
		size_t count;
		char list[HC_CRL_URLS_MAX][HC_CRL_URL_MAX + 1];
	} urls;
	int64_t interval_s, connect_timeout_s, timeout_s;
	int64_t max_size_mib;
	char proxy[HC_CRL_URL_MAX + 1]; /* empty: none */
	int log_level;
};

/* hc_crl_config_load: on failure ret_why says "PATH:LINE: why" for a person. Errors as hc_config_load. */
HC_CHECK enum hc_err hc_crl_config_load(const char *path, struct hc_crl_config *ret_config, char *ret_why,
					size_t cap);

#endif
