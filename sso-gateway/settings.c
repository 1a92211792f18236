/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of gateway.conf's keys, and the values that have a grammar of their own.
 *
 * State: none. Threats: a mistyped key or value that silently weakens something (so nothing is ignored
 * and nothing is guessed); an issuer that clients would write differently (so that it has one form);
 * health and metrics for the whole network (loopback alone). This file must never give a
 * configuration out that was not read to its end.
 */
#include "settings.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string.h>

#include "hospiconnect/identity.h"
#include "hospiconnect/sockets.h"
#include "http/address.h"

#define SCHEME		"https://"
#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-."
#define PATH_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

/* ---- the issuer ---- */

/* ":8443"; the default port is left out, as every URL parser does. */
static bool is_port(const char *text, size_t len)
{
	unsigned long number = 0;

	if (len < 2 || len > 6 || text[1] == '0')
		return false;
	for (size_t i = 1; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (unsigned long)(text[i] - '0');
	}
	return number <= UINT16_MAX && number != 443;
}

/* A DNS name or an IPv4 address, or an IPv6 address in brackets; nothing is resolved. */
static bool is_host(const char *text, size_t len)
{
	if (len > 2 && text[0] == '[')
		return text[len - 1] == ']' && strspn(text + 1, "0123456789abcdef:.") == len - 2;
	if (len == 0 || len > 253 || strspn(text, HOST_CHARACTERS) < len || text[0] == '.' ||
	    text[0] == '-' || text[len - 1] == '.')
		return false;
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '.' && text[i - 1] == '.')
			return false;
	}
	return true;
}

/* "/sso/a": segments of letters that need no encoding; none is empty, "." or "..". */
static bool is_path(const char *text)
{
	while (*text != '\0') {
		size_t len = 0;

		if (*text++ != '/')
			return false;
		len = strspn(text, PATH_CHARACTERS);
		if (len == 0 || (len == 1 && text[0] == '.') ||
		    (len == 2 && text[0] == '.' && text[1] == '.'))
			return false;
		text += len;
	}
	return true;
}

static enum hc_err parse_issuer(const char *value, void *field, const char **ret_why)
{
	const size_t len = strlen(value);
	const char *host = value + sizeof(SCHEME) - 1;
	size_t authority = 0, host_len = 0;

	*ret_why = "must be https://HOST, https://HOST:PORT or either with a /path: host in lower case, no "
		   "slash at "
		   "the end, no query, port 443 left out";
	if (len > HC_ISSUER_MAX || strncmp(value, SCHEME, sizeof(SCHEME) - 1) != 0)
		return HC_ERR_INVALID;
	authority = strcspn(host, "/");
	host_len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	if (host_len > authority || !is_host(host, host_len) || !is_path(host + authority) ||
	    (host_len < authority &&
	     (host[host_len] != ':' || !is_port(host + host_len, authority - host_len))))
		return HC_ERR_INVALID;
	memcpy(field, value, len + 1);
	return HC_OK;
}

/* ---- addresses ---- */

/* An address with a port of its own: 0 would be another one for each thread. */
static bool read_address(const char *text, struct sockaddr_storage *ret_address)
{
	socklen_t len = 0;
	const char *colon = strrchr(text, ':');

	return hc_address_parse(text, ret_address, &len) == HC_OK &&
	       colon[1 + strspn(colon + 1, "0")] != '\0';
}

static enum hc_err parse_listen(const char *value, void *field, const char **ret_why)
{
	static const char separators[] = " \t,";
	struct hc_listen_list list = {.count = 0};

	*ret_why = "must be up to 8 addresses with ports, such as 0.0.0.0:443, [::]:443, each once";
	value += strspn(value, separators);
	while (*value != '\0') {
		const size_t len = strcspn(value, separators);
		struct sockaddr_storage address;

		if (list.count == HC_LISTEN_MAX || len > HC_LISTEN_TEXT_MAX)
			return HC_ERR_TOOBIG;
		memcpy(list.address[list.count], value, len);
		if (!read_address(list.address[list.count], &address))
			return HC_ERR_INVALID;
		for (size_t i = 0; i < list.count; i++) {
			if (strcmp(list.address[i], list.address[list.count]) == 0)
				return HC_ERR_INVALID;
		}
		list.count++;
		value += len;
		value += strspn(value, separators);
	}
	if (list.count == 0)
		return HC_ERR_INVALID;
	memcpy(field, &list, sizeof(list));
	return HC_OK;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (address->ss_family == AF_INET) {
		memcpy(&in4, address, sizeof(in4));
		return ntohl(in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	memcpy(&in6, address, sizeof(in6));
	return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static enum hc_err parse_admin_listen(const char *value, void *field, const char **ret_why)
{
	struct sockaddr_storage address;
	const size_t len = strlen(value);

	*ret_why = "must be an address of this machine's own loopback with a port, such as 127.0.0.1:9464";
	if (len > HC_LISTEN_TEXT_MAX || !read_address(value, &address) || !is_loopback(&address))
		return HC_ERR_INVALID;
	memcpy(field, value, len + 1);
	return HC_OK;
}

/* ---- the table ---- */

static const char *const languages[] = {"fr", "en", NULL};
static const char *const levels[] = {"error", "warning", "notice", "info", "debug", NULL};

#define FIELD(member) HC_CONFIG_FIELD(struct hc_gateway_config, member)

#define PATH(name, member, default_)                                                        \
	{                                                                                   \
		.section = "gateway", .key = (name), .kind = HC_CONFIG_PATH, FIELD(member), \
		.preset = (default_)                                                        \
	}
#define CHOICE(name, member, list, default_)                                                  \
	{                                                                                     \
		.section = "gateway", .key = (name), .kind = HC_CONFIG_CHOICE, FIELD(member), \
		.choices = (list), .preset = (default_)                                       \
	}
#define PARSED(name, function, member, default_)                                              \
	{                                                                                     \
		.section = "gateway", .key = (name), .kind = HC_CONFIG_PARSED, FIELD(member), \
		.parse = (function), .preset = (default_)                                     \
	}
#define RANGE(in, name, how, member, low, high, default_)                                                  \
	{                                                                                                  \
		.section = (in), .key = (name), .kind = (how), FIELD(member), .min = (low), .max = (high), \
		.preset = (default_)                                                                       \
	}

static const struct hc_config_key keys[] = {
	PARSED("issuer", parse_issuer, issuer, NULL),
	PARSED("listen", parse_listen, listen, "0.0.0.0:443"),
	PATH("tls_certificate", tls_certificate, NULL),
	PATH("tls_key", tls_key, NULL),
	PATH("state_dir", state_dir, HC_GATEWAY_STATE_DIR),
	PATH("seal_key_file", seal_key_file, ""),
	PATH("authd_socket", authd_socket, HC_RUN_DIR "/gateway.sock"),
	PATH("admin_socket", admin_socket, HC_GATEWAY_RUN_DIR "/admin.sock"),
	PARSED("admin_listen", parse_admin_listen, admin_listen, "127.0.0.1:9464"),
	RANGE("gateway", "user", HC_CONFIG_TEXT, user, 1, 32, HC_GATEWAY_USER),
	RANGE("gateway", "threads", HC_CONFIG_NUMBER, threads, 1, 8, "2"),
	RANGE("gateway", "connections", HC_CONFIG_NUMBER, connections, 16, 60000, "10000"),
	RANGE("gateway", "connections_per_address", HC_CONFIG_NUMBER, connections_per_address, 0, 60000,
	      "1000"),
	CHOICE("language", language, languages, "fr"),
	CHOICE("log_level", log_level, levels, "info"),
	RANGE("gateway", "establishment", HC_CONFIG_TEXT, establishment, 0, HC_ESTABLISHMENT_MAX, ""),

	RANGE("session", "lifetime", HC_CONFIG_SECONDS, session_lifetime_s, 300, 86400, "8h"),
	RANGE("session", "idle", HC_CONFIG_SECONDS, session_idle_s, 60, 86400, "30min"),

	RANGE("token", "code", HC_CONFIG_SECONDS, code_s, 10, 600, "60s"),
	RANGE("token", "access", HC_CONFIG_SECONDS, access_s, 30, 3600, "5min"),
	RANGE("token", "refresh", HC_CONFIG_SECONDS, refresh_s, 300, 86400, "8h"),
	RANGE("token", "id_token", HC_CONFIG_SECONDS, id_token_s, 30, 3600, "5min"),
	{.section = NULL},
};

/* What no single key can say. NULL: consistent. */
static const char *contradiction(const struct hc_gateway_config *config)
{
	struct hc_login user;

	if (strlen(config->authd_socket) > HC_SOCKET_PATH_MAX ||
	    strlen(config->admin_socket) > HC_SOCKET_PATH_MAX)
		return "[gateway] authd_socket and admin_socket: at most 107 characters, the system's limit";
	if (strcmp(config->authd_socket, config->admin_socket) == 0)
		return "[gateway] authd_socket and admin_socket must be two different paths";
	for (size_t i = 0; i < config->listen.count; i++) {
		if (strcmp(config->listen.address[i], config->admin_listen) == 0)
			return "[gateway] admin_listen must be an address and port of its own";
	}
	if (hc_login_parse(config->user, strlen(config->user), &user) != HC_OK)
		return "[gateway] user must be the name of a system user";
	/* The gateway faces the network. */
	if (strcmp(config->user, HC_BROKER_USER) == 0)
		return "[gateway] user must be another user than the broker's";
	if (config->session_idle_s > config->session_lifetime_s)
		return "[session] idle must not be longer than lifetime";
	return NULL;
}

enum hc_err hc_gateway_settings_parse(const char *text, size_t len, struct hc_gateway_config *ret_config,
				      struct hc_config_error *ret_error)
{
	struct hc_gateway_config config = {.threads = 0};
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
	return hc_gateway_settings_parse(text, len, target, ret_error);
}

enum hc_err hc_gateway_settings_load(const char *path, struct hc_gateway_config *ret_config, char *ret_why,
				     size_t cap)
{
	return hc_config_load(path, parse_into, ret_config, ret_why, cap);
}
