/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GATEWAY_SETTINGS_H
#define HC_GATEWAY_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/config.h"
#include "hospiconnect/err.h"
#include "hospiconnect/log.h"
#include "hospiconnect/text.h"

/* gateway.conf, read into one struct. Keys, defaults and ranges: hospiconnect-gateway.conf(5). */
#define HC_ISSUER_MAX	     256
#define HC_LISTEN_MAX	     8
#define HC_LISTEN_TEXT_MAX   64
#define HC_ESTABLISHMENT_MAX 128
#define HC_GATEWAY_PATH_MAX  256

struct hc_listen_list {
	size_t count;
	char address[HC_LISTEN_MAX][HC_LISTEN_TEXT_MAX + 1]; /* "127.0.0.1:8443", "[::]:443" */
};

struct hc_gateway_config {
	char user[33];
	/* https://host[:port][/path], no slash at its end, no query, no fragment: the `iss` everywhere. */
	char issuer[HC_ISSUER_MAX + 1];
	struct hc_listen_list listen;
	char tls_certificate[HC_GATEWAY_PATH_MAX], tls_key[HC_GATEWAY_PATH_MAX];
	char state_dir[HC_GATEWAY_PATH_MAX], seal_key_file[HC_GATEWAY_PATH_MAX];
	char authd_socket[HC_GATEWAY_PATH_MAX], admin_socket[HC_GATEWAY_PATH_MAX];
	char admin_listen[HC_LISTEN_TEXT_MAX + 1]; /* health and metrics; loopback only */
	int64_t threads;
	int64_t connections, connections_per_address; /* a loop */
	int language;  /* enum hc_lang: of pages, where the browser names none of ours */
	int log_level; /* index: error, warning, notice, info, debug */
	char establishment[HC_ESTABLISHMENT_MAX + 1]; /* name on the pages; empty: none */
	int64_t session_lifetime_s, session_idle_s;
	int64_t code_s, access_s, refresh_s, id_token_s;
};

/* hc_gateway_settings_parse, _load: as authd's. HC_ERR_INVALID with the first error; nothing is kept. */
HC_CHECK enum hc_err hc_gateway_settings_parse(const char *text, size_t len,
					       struct hc_gateway_config *ret_config,
					       struct hc_config_error *ret_error);
HC_CHECK enum hc_err hc_gateway_settings_load(const char *path, struct hc_gateway_config *ret_config,
					      char *ret_why, size_t cap);

#endif
