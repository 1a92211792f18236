/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge of a conversation: a HELLO becomes typed values once.
 *
 * No state. What a program sends is held to the protocol: an unknown number or a field without use
 * ends the connection. What a person can type or a network can name (login, terminal, host) cannot: a
 * malformed login or service is kept as "not valid" and refused with a reason, and never repeated in a
 * log, since people type passwords into login fields.
 */
#include "hello.h"

#include <stdio.h>
#include <string.h>

static const enum hc_field HELLO_FIELDS[] = {
	HC_FIELD_REQUEST, HC_FIELD_MODE, HC_FIELD_METHODS,   HC_FIELD_FLAGS,
	HC_FIELD_SERVICE, HC_FIELD_USER, HC_FIELD_TTY,	     HC_FIELD_RHOST,
	HC_FIELD_RUSER,	  HC_FIELD_LANG, HC_FIELD_TIMEOUT_S, HC_FIELD_TICKET,
};

#define TEXT_MAX 257

/* An absent text is an empty one. */
static enum hc_err read_text(const struct hc_msg *msg, enum hc_field field, char out[TEXT_MAX])
{
	enum hc_err err = hc_msg_text(msg, field, out, TEXT_MAX);

	if (err == HC_ERR_NOTFOUND) {
		out[0] = '\0';
		return HC_OK;
	}
	return err == HC_OK ? HC_OK : HC_ERR_PROTOCOL;
}

static enum hc_err read_number(const struct hc_msg *msg, enum hc_field field, uint32_t absent,
			       uint32_t *ret_value)
{
	enum hc_err err = hc_msg_u32(msg, field, ret_value);

	if (err == HC_ERR_NOTFOUND) {
		*ret_value = absent;
		return HC_OK;
	}
	return err == HC_OK ? HC_OK : HC_ERR_PROTOCOL;
}

static bool mode_is_valid(uint32_t mode, enum hc_request request)
{
	if (mode == HC_MODE_PRIMARY || mode == HC_MODE_SECOND_FACTOR)
		return true;
	return mode == 0 && request != HC_REQUEST_AUTHENTICATE;
}

static enum hc_err parse_numbers(const struct hc_msg *msg, struct hc_hello *hello)
{
	uint32_t request, mode;

	if (hc_msg_u32(msg, HC_FIELD_REQUEST, &request) != HC_OK || request < HC_REQUEST_AUTHENTICATE ||
	    request > HC_REQUEST_CLOSE_SESSION)
		return HC_ERR_PROTOCOL;
	hello->request = (enum hc_request)request;
	if (read_number(msg, HC_FIELD_MODE, 0, &mode) != HC_OK || !mode_is_valid(mode, hello->request))
		return HC_ERR_PROTOCOL;
	hello->mode = (enum hc_mode)mode;
	if (hello->request == HC_REQUEST_AUTHENTICATE && !hc_msg_has(msg, HC_FIELD_METHODS))
		return HC_ERR_PROTOCOL;
	if (read_number(msg, HC_FIELD_METHODS, 0, &hello->methods) != HC_OK ||
	    read_number(msg, HC_FIELD_FLAGS, 0, &hello->flags) != HC_OK ||
	    read_number(msg, HC_FIELD_TIMEOUT_S, 0, &hello->timeout_s) != HC_OK)
		return HC_ERR_PROTOCOL;
	if ((hello->methods & ~HC_METHOD_ALL) != 0 || (hello->flags & ~HC_FLAGS_ALL) != 0)
		return HC_ERR_PROTOCOL;
	return HC_OK;
}

static enum hc_err parse_names(const struct hc_msg *msg, struct hc_hello *hello)
{
	char text[TEXT_MAX];

	if (!hc_msg_has(msg, HC_FIELD_SERVICE) || read_text(msg, HC_FIELD_SERVICE, text) != HC_OK)
		return HC_ERR_PROTOCOL;
	hello->service_valid = hc_service_parse(text, strlen(text), &hello->service) == HC_OK;
	if (read_text(msg, HC_FIELD_USER, text) != HC_OK)
		return HC_ERR_PROTOCOL;
	hello->nameless = text[0] == '\0';
	hello->login_valid = hc_login_parse(text, strlen(text), &hello->login) == HC_OK;
	return HC_OK;
}

/* What the broker gave: of that very length, and for a sign-in alone. */
static enum hc_err parse_ticket(const struct hc_msg *msg, struct hc_hello *hello)
{
	const uint8_t *ticket = NULL;
	size_t len = 0;

	if (!hc_msg_has(msg, HC_FIELD_TICKET))
		return HC_OK;
	if (hello->request != HC_REQUEST_AUTHENTICATE ||
	    hc_msg_bytes(msg, HC_FIELD_TICKET, &ticket, &len) != HC_OK || len != sizeof(hello->ticket))
		return HC_ERR_PROTOCOL;
	memcpy(hello->ticket, ticket, sizeof(hello->ticket));
	hello->has_ticket = true;
	return HC_OK;
}

/* Appends " key=value" to origin; a value that is no printable word is only said to be there. */
static void add_origin(struct hc_hello *hello, const char *key, const char *value)
{
	struct hc_host word;
	size_t used = strlen(hello->origin);

	if (value[0] == '\0')
		return;
	bool valid = hc_host_parse(value, strlen(value), &word) == HC_OK;

	snprintf(hello->origin + used, sizeof(hello->origin) - used, "%s%s=%s", used > 0 ? " " : "", key,
		 valid ? word.text : "?");
}

static enum hc_err parse_origin(const struct hc_msg *msg, struct hc_hello *hello)
{
	char tty[TEXT_MAX], rhost[TEXT_MAX], ruser[TEXT_MAX];

	if (read_text(msg, HC_FIELD_TTY, tty) != HC_OK || read_text(msg, HC_FIELD_RHOST, rhost) != HC_OK ||
	    read_text(msg, HC_FIELD_RUSER, ruser) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (hc_host_parse(rhost, strlen(rhost), &hello->rhost) != HC_OK)
		hello->rhost.text[0] = '\0';
	add_origin(hello, "tty", tty);
	add_origin(hello, "rhost", rhost);
	add_origin(hello, "ruser", ruser);
	hello->remote = (hello->flags & HC_FLAG_REMOTE) != 0 || rhost[0] != '\0';
	return HC_OK;
}

enum hc_err hc_hello_parse(const struct hc_msg *msg, enum hc_lang fallback, struct hc_hello *ret_hello)
{
	struct hc_hello hello = {0};
	char tag[TEXT_MAX];

	if (hc_msg_only(msg, HELLO_FIELDS, HC_COUNT(HELLO_FIELDS)) != HC_OK ||
	    parse_numbers(msg, &hello) != HC_OK || parse_names(msg, &hello) != HC_OK ||
	    parse_origin(msg, &hello) != HC_OK || parse_ticket(msg, &hello) != HC_OK ||
	    read_text(msg, HC_FIELD_LANG, tag) != HC_OK)
		return HC_ERR_PROTOCOL;
	hello.lang = hc_lang_from_tag(tag, fallback);
	*ret_hello = hello;
	return HC_OK;
}

struct hc_audit_entry hc_hello_entry(const struct hc_hello *hello, const struct hc_caller *caller,
				     enum hc_audit_event event)
{
	return (struct hc_audit_entry){
		.event = event,
		.login = hello->login_valid ? hello->login.text : NULL,
		.service = hello->service_valid ? hello->service.text : NULL,
		.origin = hello->origin[0] != '\0' ? hello->origin : NULL,
		.actor = caller->actor,
	};
}
