/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of authd.conf's keys, and the two values that have a grammar of their own.
 *
 * State: none. Threats: a mistyped key or value that silently weakens the policy (so nothing is
 * ignored and nothing is guessed). This file must never give a configuration out that was not read to
 * its end.
 */
#include "settings.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "hospiconnect/device.h"
#include "hospiconnect/fido.h"
#include "hospiconnect/log.h"
#include "hospiconnect/sockets.h"

#define DEFAULT_LOCKERS                                                                                \
	"gnome-screensaver kde kscreenlocker swaylock i3lock xscreensaver xsecurelock vlock physlock " \
	"light-locker mate-screensaver cinnamon-screensaver xfce4-screensaver gtklock hyprlock waylock"

static enum hc_err parse_services(const char *value, struct hc_service services[HC_SERVICES_MAX],
				  size_t *ret_count, const char **ret_why)
{
	static const char separators[] = " \t,";
	size_t count = 0;
	const char *at = value + strspn(value, separators);

	while (*at != '\0') {
		size_t len = strcspn(at, separators);

		if (count == HC_SERVICES_MAX) {
			*ret_why = "at most 32 services may be listed";
			return HC_ERR_TOOBIG;
		}
		if (hc_service_parse(at, len, &services[count]) != HC_OK) {
			*ret_why = "must be names of PAM services, separated by spaces or commas";
			return HC_ERR_INVALID;
		}
		count++;
		at += len;
		at += strspn(at, separators);
	}
	*ret_count = count;
	return HC_OK;
}

static enum hc_err parse_lockers(const char *value, void *field, const char **ret_why)
{
	struct hc_policy_rules *rules = field;

	return parse_services(value, rules->locker_services, &rules->locker_service_count, ret_why);
}

static enum hc_err parse_nameless(const char *value, void *field, const char **ret_why)
{
	struct hc_policy_rules *rules = field;

	return parse_services(value, rules->nameless_services, &rules->nameless_service_count, ret_why);
}

static bool digits_at(const char *text, size_t count, int *ret_value)
{
	int value = 0;

	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_value = value;
	return true;
}

/* YYYY-MM-DD, a day that exists, as milliseconds of its first instant in UTC. */
static bool parse_date(const char *text, int64_t *ret_ms)
{
	int year = 0, month = 0, day = 0;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !digits_at(text, 4, &year) ||
	    !digits_at(text + 5, 2, &month) || !digits_at(text + 8, 2, &day) || year < 2000)
		return false;
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	time_t seconds = timegm(&tm);

	/* timegm() turns 31 February into 3 March: a day that moved does not exist. */
	if (tm.tm_year != year - 1900 || tm.tm_mon != month - 1 || tm.tm_mday != day)
		return false;
	*ret_ms = (int64_t)seconds * 1000;
	return true;
}

static enum hc_err parse_unenrolled(const char *value, void *field, const char **ret_why)
{
	static const char grace[] = "grace until ";
	struct hc_policy_rules *rules = field;

	if (strcmp(value, "deny") == 0) {
		rules->unenrolled = HC_UNENROLLED_DENY;
		rules->grace_until_ms = 0;
		return HC_OK;
	}
	if (strncmp(value, grace, sizeof(grace) - 1) == 0 &&
	    parse_date(value + sizeof(grace) - 1, &rules->grace_until_ms)) {
		rules->unenrolled = HC_UNENROLLED_GRACE;
		return HC_OK;
	}
	*ret_why = "must be \"deny\" or \"grace until YYYY-MM-DD\"";
	return HC_ERR_INVALID;
}

/* A host name in lower case; empty: none is set. */
static enum hc_err parse_rp_id(const char *value, void *field, const char **ret_why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	struct hc_fido_rules *rules = field;
	size_t len = strlen(value);

	*ret_why = "must be the gateway's host name, in lower case";
	if (len > HC_RP_ID_MAX || strspn(value, letters) != len ||
	    (len > 0 && (strchr("-.", value[0]) != NULL || strchr("-.", value[len - 1]) != NULL)) ||
	    strstr(value, "..") != NULL)
		return HC_ERR_INVALID;
	memcpy(rules->rp_id, value, len + 1);
	return HC_OK;
}

static bool hex_digit(char digit, uint8_t *ret_value)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit == '\0' ? NULL : strchr(digits, digit | 0x20);

	if (at == NULL)
		return false;
	*ret_value = (uint8_t)(at - digits);
	return true;
}

/* 8-4-4-4-12 hexadecimal digits, as makers publish them. */
static bool parse_aaguid(const char *text, size_t len, uint8_t out[16])
{
	size_t at = 0;

	if (len != 36)
		return false;
	for (size_t i = 0; i < 16; i++) {
		uint8_t high = 0, low = 0;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
			return false;
		if (!hex_digit(text[at], &high) || !hex_digit(text[at + 1], &low))
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	return true;
}

static enum hc_err parse_aaguids(const char *value, void *field, const char **ret_why)
{
	static const char separators[] = " \t,";
	struct hc_fido_rules *rules = field;
	size_t count = 0;
	const char *at = value + strspn(value, separators);

	while (*at != '\0') {
		size_t len = strcspn(at, separators);

		if (count == HC_AAGUIDS_MAX) {
			*ret_why = "at most 64 makes of keys may be listed";
			return HC_ERR_TOOBIG;
		}
		if (!parse_aaguid(at, len, rules->aaguids[count])) {
			*ret_why = "must be AAGUIDs (8-4-4-4-12 hexadecimal digits), separated by spaces or "
				   "commas";
			return HC_ERR_INVALID;
		}
		count++;
		at += len;
		at += strspn(at, separators);
	}
	rules->aaguid_count = count;
	return HC_OK;
}

/* The responder; empty: none. An address out of a certificate would be its maker's choice. */
static enum hc_err parse_ocsp_url(const char *value, void *field, const char **ret_why)
{
	struct hc_cps_settings *settings = field;
	const size_t len = strlen(value);

	*ret_why = "must be one http:// or https:// address without a password, of at most 255 characters";
	if (len >= sizeof(settings->ocsp_url) || (len > 0 && !hc_config_web_address(value, len)))
		return HC_ERR_INVALID;
	memcpy(settings->ocsp_url, value, len + 1);
	return HC_OK;
}

/* In the order of enum hc_fido_attestation_kind, from nothing known to all. */
static const char *const attestations[] = {"none", "self", "unknown", "chain", NULL};
/* In the order of enum hc_cps_renewed. */
static const char *const renewals[] = {"accept", "refuse", NULL};
/* In the order of enum hc_cps_pairing. */
static const char *const pairings[] = {"administrator", "first-use-after-strong-sign-in", NULL};
/* In the order of enum hc_on_removal. */
static const char *const removals[] = {"nothing", "lock", "logout", NULL};
static const char *const roles[] = {"standalone", "authority", NULL};
static const char *const languages[] = {"fr", "en", NULL};
/* In the order of their enums. */
static const char *const ocsp_modes[] = {"off", "when-reachable", "required", NULL};
static const char *const ocsp_nonces[] = {"required", "optional", NULL};
static const char *const levels[] = {"error", "warning", "notice", "info", "debug", NULL};

#define FIELD(member) HC_CONFIG_FIELD(struct hc_authd_config, member)

#define PATH(name, member, default_)                                                      \
	{                                                                                 \
		.section = "authd", .key = (name), .kind = HC_CONFIG_PATH, FIELD(member), \
		.preset = (default_)                                                      \
	}
#define CHOICE(name, member, list, default_)                                                \
	{                                                                                   \
		.section = "authd", .key = (name), .kind = HC_CONFIG_CHOICE, FIELD(member), \
		.choices = (list), .preset = (default_)                                     \
	}
#define RANGE(in, name, how, member, low, high, default_)                                                  \
	{                                                                                                  \
		.section = (in), .key = (name), .kind = (how), FIELD(member), .min = (low), .max = (high), \
		.preset = (default_)                                                                       \
	}
#define PARSED(name, function, default_)                                                     \
	{                                                                                    \
		.section = "policy", .key = (name), .kind = HC_CONFIG_PARSED, FIELD(policy), \
		.parse = (function), .preset = (default_)                                    \
	}

#define CARDS(name, member, list, default_)                                                                  \
	{                                                                                                    \
		.section = "cps", .key = (name), .kind = HC_CONFIG_CHOICE, FIELD(member), .choices = (list), \
		.preset = (default_)                                                                         \
	}

#define FIDO(name, how, member, ...)                                                         \
	{                                                                                    \
		.section = "fido2", .key = (name), .kind = (how), FIELD(member), __VA_ARGS__ \
	}

#define CPS(name, how, member, ...)                                                        \
	{                                                                                  \
		.section = "cps", .key = (name), .kind = (how), FIELD(member), __VA_ARGS__ \
	}

static const struct hc_config_key keys[] = {
	CHOICE("role", role, roles, "standalone"),
	PATH("state_dir", state_dir, HC_STATE_DIR),
	PATH("socket", socket, HC_RUN_DIR "/auth.sock"),
	PATH("admin_socket", admin_socket, HC_RUN_DIR "/admin.sock"),
	PATH("seal_key_file", seal_key_file, ""),
	RANGE("authd", "user", HC_CONFIG_TEXT, user, 1, HC_LOGIN_MAX, HC_BROKER_USER),
	PATH("gateway_socket", gateway_socket, HC_RUN_DIR "/gateway.sock"),
	RANGE("authd", "gateway_user", HC_CONFIG_TEXT, gateway_user, 1, HC_LOGIN_MAX, HC_GATEWAY_USER),
	PATH("password_socket", password_socket, HC_RUN_DIR "/password.sock"),
	PATH("helper_dir", helper_dir, ""),
	PATH("fido2_socket", fido2_socket, ""),
	PATH("pkcs11_socket", pkcs11_socket, ""),
	PATH("ocsp_socket", ocsp_socket, ""),
	CHOICE("language", lang, languages, "fr"),
	CHOICE("log_level", log_level, levels, "info"),

	RANGE("policy", "attempts", HC_CONFIG_NUMBER, policy.attempts, 1, 10, "3"),
	RANGE("policy", "free_tries", HC_CONFIG_NUMBER, policy.free_tries, 1, 20, "5"),
	RANGE("policy", "lock_first", HC_CONFIG_SECONDS, policy.lock_first_s, 1, 3600, "30s"),
	RANGE("policy", "lock_max", HC_CONFIG_SECONDS, policy.lock_max_s, 1, 86400, "15min"),
	RANGE("policy", "answer_timeout", HC_CONFIG_SECONDS, policy.answer_timeout_s, 5, 600, "60s"),
	PARSED("unenrolled", parse_unenrolled, "deny"),
	RANGE("policy", "require_proofing", HC_CONFIG_BOOL, policy.require_proofing, 0, 1, "no"),
	PARSED("locker_services", parse_lockers, DEFAULT_LOCKERS),
	PARSED("nameless_services", parse_nameless, HC_NAMELESS_SERVICES),

	RANGE("totp", "issuer", HC_CONFIG_TEXT, otp.issuer, 1, 63, "HospiConnect"),
	RANGE("totp", "window", HC_CONFIG_NUMBER, otp.totp_window, 0, 10, "1"),
	RANGE("totp", "drift_max", HC_CONFIG_NUMBER, otp.totp_drift_max, 0, 100, "20"),
	RANGE("totp", "hotp_window", HC_CONFIG_NUMBER, otp.hotp_window, 1, 100, "10"),

	RANGE("cps", "module", HC_CONFIG_PATH, cps.module, 0, 0, ""),
	{.section = "cps",
	 .key = "on_removal",
	 .kind = HC_CONFIG_CHOICE,
	 FIELD(cps.on_removal),
	 .choices = removals,
	 .preset = "lock"},
	RANGE("cps", "trust_dir", HC_CONFIG_PATH, cps.trust_dir, 0, 0, HC_SYSCONF_DIR "/cps/trust"),
	RANGE("cps", "crl_dir", HC_CONFIG_PATH, cps.crl_dir, 0, 0, HC_STATE_DIR "/crl"),
	RANGE("cps", "allow_test_cards", HC_CONFIG_BOOL, cps.allow_test_cards, 0, 1, "no"),
	CARDS("renewed_cards", cps.renewed_cards, renewals, "accept"),
	CARDS("pairing", cps.pairing, pairings, "administrator"),
	RANGE("cps", "crl_degraded_max_age", HC_CONFIG_SECONDS, cps.crl_degraded_max_age_s, 0, 2592000, "0s"),
	CPS("ocsp", HC_CONFIG_CHOICE, cps.ocsp, .choices = ocsp_modes, .preset = "off"),
	CPS("ocsp_url", HC_CONFIG_PARSED, cps, .parse = parse_ocsp_url, .preset = ""),
	RANGE("cps", "ocsp_timeout", HC_CONFIG_SECONDS, cps.ocsp_timeout_s, 1, 30, "2s"),
	RANGE("cps", "ocsp_cache", HC_CONFIG_SECONDS, cps.ocsp_cache_s, 0, 86400, "10min"),
	CPS("ocsp_nonce", HC_CONFIG_CHOICE, cps.ocsp_nonce, .choices = ocsp_nonces, .preset = "required"),

	FIDO("rp_id", HC_CONFIG_PARSED, fido, .parse = parse_rp_id, .preset = ""),
	FIDO("on_removal", HC_CONFIG_CHOICE, fido.on_removal, .choices = removals, .preset = "nothing"),
	FIDO("attestation_trust_dir", HC_CONFIG_PATH, fido.trust_dir, .preset = ""),
	FIDO("attestation", HC_CONFIG_CHOICE, fido.attestation, .choices = attestations, .preset = "none"),
	FIDO("aaguids", HC_CONFIG_PARSED, fido, .parse = parse_aaguids, .preset = ""),
	RANGE("fido2", "pin_min", HC_CONFIG_NUMBER, fido.pin_min, 4, 63, "6"),
	RANGE("fido2", "insert_timeout", HC_CONFIG_SECONDS, fido.insert_timeout_s, 1, 600, "30s"),
	{.section = NULL},
};

/* What the gateway's keys say together. NULL: consistent. */
static const char *gateway_contradiction(const struct hc_authd_config *config)
{
	struct hc_login user;

	if (strlen(config->gateway_socket) > HC_SOCKET_PATH_MAX ||
	    strlen(config->password_socket) > HC_SOCKET_PATH_MAX)
		return "[authd] gateway_socket and password_socket: at most 107 characters, the system's "
		       "limit";
	if (strcmp(config->gateway_socket, config->socket) == 0 ||
	    strcmp(config->gateway_socket, config->admin_socket) == 0)
		return "[authd] gateway_socket must be a path of its own";
	if (hc_login_parse(config->gateway_user, strlen(config->gateway_user), &user) != HC_OK)
		return "[authd] gateway_user must be the name of a system user";
	/* The gateway faces the network: it must be neither of the two that can do more. */
	if (strcmp(config->gateway_user, "root") == 0 || strcmp(config->gateway_user, config->user) == 0)
		return "[authd] gateway_user must be another user than root and the broker's";
	return NULL;
}

/* What the keys about devices say together. NULL: consistent. */
static const char *device_contradiction(const struct hc_authd_config *config)
{
	if (strlen(config->fido2_socket) > HC_SOCKET_PATH_MAX ||
	    strlen(config->pkcs11_socket) > HC_SOCKET_PATH_MAX ||
	    strlen(config->ocsp_socket) > HC_SOCKET_PATH_MAX)
		return "[authd] fido2_socket, pkcs11_socket and ocsp_socket: at most 107 characters, the "
		       "system's limit";
	if (config->cps.ocsp != HC_OCSP_OFF && config->cps.ocsp_url[0] == '\0')
		return "[cps] ocsp needs ocsp_url";
	if (config->fido.attestation == HC_FIDO_ATTESTED_CHAIN && config->fido.trust_dir[0] == '\0')
		return "[fido2] attestation = chain needs attestation_trust_dir";
	/* What a key says of its make is true only under a chain that ends at somebody whom we trust. */
	if (config->fido.aaguid_count > 0 && config->fido.attestation != HC_FIDO_ATTESTED_CHAIN)
		return "[fido2] aaguids needs attestation = chain";
	return NULL;
}

/* What no single key can say. NULL: consistent. */
static const char *contradiction(const struct hc_authd_config *config)
{
	struct hc_login user;

	if (strlen(config->socket) > HC_SOCKET_PATH_MAX || strlen(config->admin_socket) > HC_SOCKET_PATH_MAX)
		return "[authd] socket and admin_socket: at most 107 characters, the system's limit";
	if (strcmp(config->socket, config->admin_socket) == 0)
		return "[authd] socket and admin_socket must be two different paths";
	if (hc_login_parse(config->user, strlen(config->user), &user) != HC_OK)
		return "[authd] user must be the name of a system user";
	if (config->policy.lock_first_s > config->policy.lock_max_s)
		return "[policy] lock_first must not be longer than lock_max";
	if (strchr(config->otp.issuer, ':') != NULL)
		return "[totp] issuer must not contain a colon, which ends it in an otpauth URI";
	if (device_contradiction(config) != NULL)
		return device_contradiction(config);
	return gateway_contradiction(config);
}

enum hc_err hc_settings_parse(const char *text, size_t len, struct hc_authd_config *ret_config,
			      struct hc_config_error *ret_error)
{
	struct hc_authd_config config = {0};
	enum hc_err err = hc_config_parse(text, len, keys, &config, ret_error);
	const char *why = NULL;

	if (err != HC_OK)
		return err;
	why = contradiction(&config);
	if (why != NULL)
		return hc_config_contradiction(why, ret_error);
	*ret_config = config;
	return HC_OK;
}

static enum hc_err parse_into(const char *text, size_t len, void *target, struct hc_config_error *ret_error)
{
	return hc_settings_parse(text, len, target, ret_error);
}

enum hc_err hc_settings_load(const char *path, struct hc_authd_config *ret_config, char *ret_why, size_t cap)
{
	return hc_config_load(path, parse_into, ret_config, ret_why, cap);
}
