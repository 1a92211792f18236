/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of crl.conf's keys. State: none. Threats: an address of another kind than the web's, by which
 * a list would be read from the machine's own files: http and https alone are taken.
 */
#include "settings.h"

#include <string.h>

#include "hospiconnect/config.h"

#define DEFAULT_URLS                                         \
	"http://igc-sante.esante.gouv.fr/CRL/ACI-FO-PP.crl " \
	"http://igc-sante.esante.gouv.fr/CRL/ACI-ST-PP.crl " \
	"http://igc-sante.esante.gouv.fr/CRL/ACI-EL-PP.crl"

static bool is_known(const struct hc_crl_urls *urls, const char *text, size_t len)
{
	for (size_t i = 0; i < urls->count; i++)
		if (strlen(urls->list[i]) == len && memcmp(urls->list[i], text, len) == 0)
			return true;
	return false;
}

static enum hc_err parse_urls(const char *value, void *field, const char **ret_why)
{
	static const char separators[] = " \t,";
	struct hc_crl_urls urls = {0};

	for (const char *at = value + strspn(value, separators); *at != '\0'; at += strspn(at, separators)) {
		const size_t len = strcspn(at, separators);

		if (urls.count == HC_CRL_URLS_MAX || len > HC_CRL_URL_MAX) {
			*ret_why = "at most 16 addresses of 255 characters";
			return HC_ERR_TOOBIG;
		}
		if (!hc_config_web_address(at, len) || is_known(&urls, at, len)) {
			*ret_why = "must be http:// or https:// addresses without a password, each once";
			return HC_ERR_INVALID;
		}
		memcpy(urls.list[urls.count], at, len);
		urls.list[urls.count++][len] = '\0';
		at += len;
	}
	*(struct hc_crl_urls *)field = urls;
	return HC_OK;
}

static enum hc_err parse_proxy(const char *value, void *field, const char **ret_why)
{
	const size_t len = strlen(value);

	if (len > HC_CRL_URL_MAX || (len > 0 && !hc_config_web_address(value, len))) {
		*ret_why = "must be http://HOST:PORT or https://HOST:PORT";
		return HC_ERR_INVALID;
	}
	memcpy(field, value, len + 1);
	return HC_OK;
}

static const char *const levels[] = {"error", "warning", "notice", "info", "debug", NULL};

#define FIELD(member) HC_CONFIG_FIELD(struct hc_crl_config, member)
#define KEY(name, how, member, low, high, default_)                                                         \
	{                                                                                                   \
		.section = "crl", .key = (name), .kind = (how), FIELD(member), .min = (low), .max = (high), \
		.preset = (default_)                                                                        \
	}
#define PARSED(name, member, function, default_)                                          \
	{                                                                                 \
		.section = "crl", .key = (name), .kind = HC_CONFIG_PARSED, FIELD(member), \
		.parse = (function), .preset = (default_)                                 \
	}

#define CHOICE(name, member, list, default_)                                                                 \
	{                                                                                                    \
		.section = "crl", .key = (name), .kind = HC_CONFIG_CHOICE, FIELD(member), .choices = (list), \
		.preset = (default_)                                                                         \
	}

static const struct hc_config_key keys[] = {
	PARSED("urls", urls, parse_urls, DEFAULT_URLS),
	KEY("trust_dir", HC_CONFIG_PATH, trust_dir, 0, 0, HC_SYSCONF_DIR "/cps/trust"),
	KEY("crl_dir", HC_CONFIG_PATH, crl_dir, 0, 0, HC_STATE_DIR "/crl"),
	KEY("user", HC_CONFIG_TEXT, user, 1, HC_LOGIN_MAX, HC_BROKER_USER),
	KEY("interval", HC_CONFIG_SECONDS, interval_s, 0, 604800, "1h"),
	KEY("connect_timeout", HC_CONFIG_SECONDS, connect_timeout_s, 1, 300, "10s"),
	KEY("timeout", HC_CONFIG_SECONDS, timeout_s, 1, 3600, "2min"),
	KEY("max_size", HC_CONFIG_NUMBER, max_size_mib, 1, 64, "64"),
	PARSED("proxy", proxy, parse_proxy, ""),
	CHOICE("log_level", log_level, levels, "info"),
	{.section = NULL},
};

static enum hc_err parse(const char *text, size_t len, void *target, struct hc_config_error *ret_error)
{
	struct hc_crl_config config = {0};
	const enum hc_err err = hc_config_parse(text, len, keys, &config, ret_error);

	if (err == HC_OK)
		*(struct hc_crl_config *)target = config;
	return err;
}

enum hc_err hc_crl_config_load(const char *path, struct hc_crl_config *ret_config, char *ret_why, size_t cap)
{
	return hc_config_load(path, parse, ret_config, ret_why, cap);
}
