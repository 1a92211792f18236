/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/identity.h"

#include <string.h>

/*
 * Names, parsed once. Pure functions over bounded bytes.
 *
 * Threats: a login that another program reads as a path, an option, a uid or a second field; bytes
 * that forge a log line or a screen; look-alikes by encoding. Every grammar is a list of what is
 * allowed, in ASCII and independent of the locale.
 */

static bool is_lower(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z';
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_alnum(uint8_t byte)
{
	return is_lower(byte) || (byte >= 'A' && byte <= 'Z') || is_digit(byte);
}

static bool is_login_byte(uint8_t byte)
{
	return is_lower(byte) || is_digit(byte) || byte == '_' || byte == '.' || byte == '-';
}

static bool is_service_byte(uint8_t byte)
{
	return is_alnum(byte) || byte == '_' || byte == '.' || byte == '@' || byte == '-';
}

static bool is_graphic(uint8_t byte)
{
	return byte > 0x20 && byte < 0x7f;
}

static bool is_national_byte(uint8_t byte)
{
	return is_alnum(byte) || byte == '/' || byte == '.' || byte == '_' || byte == '-';
}

static bool is_credential_byte(uint8_t byte)
{
	return is_lower(byte) || (byte >= '2' && byte <= '7');
}

static bool all_bytes(const uint8_t *data, size_t len, bool (*is_allowed)(uint8_t byte))
{
	for (size_t i = 0; i < len; i++) {
		if (!is_allowed(data[i]))
			return false;
	}
	return true;
}

static void copy_text(char *text, const void *data, size_t len)
{
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
}

enum hc_err hc_login_parse(const void *data, size_t len, struct hc_login *ret_login)
{
	const uint8_t *bytes = data;

	if (len > HC_LOGIN_MAX)
		return HC_ERR_TOOBIG;
	/* a first byte of '.' or '-' would make a hidden file, "..", or an option of it */
	if (len == 0 || bytes[0] == '.' || bytes[0] == '-' || !all_bytes(bytes, len, is_login_byte) ||
	    all_bytes(bytes, len, is_digit))
		return HC_ERR_INVALID;
	copy_text(ret_login->text, data, len);
	return HC_OK;
}

enum hc_err hc_service_parse(const void *data, size_t len, struct hc_service *ret_service)
{
	const uint8_t *bytes = data;

	if (len > HC_SERVICE_MAX)
		return HC_ERR_TOOBIG;
	if (len == 0 || !is_alnum(bytes[0]) || !all_bytes(bytes, len, is_service_byte))
		return HC_ERR_INVALID;
	copy_text(ret_service->text, data, len);
	return HC_OK;
}

enum hc_err hc_tty_parse(const void *data, size_t len, struct hc_tty *ret_tty)
{
	if (len >= HC_TTY_MAX)
		return HC_ERR_TOOBIG;
	if (!all_bytes(data, len, is_graphic))
		return HC_ERR_INVALID;
	copy_text(ret_tty->text, data, len);
	return HC_OK;
}

enum hc_err hc_host_parse(const void *data, size_t len, struct hc_host *ret_host)
{
	if (len > HC_HOST_MAX)
		return HC_ERR_TOOBIG;
	if (!all_bytes(data, len, is_graphic))
		return HC_ERR_INVALID;
	copy_text(ret_host->text, data, len);
	return HC_OK;
}

static bool luhn_holds(const uint8_t *digits, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned value = (unsigned)(digits[len - 1 - i] - '0');

		if (i % 2 == 1)
			value = value > 4 ? 2 * value - 9 : 2 * value;
		sum += value;
	}
	return sum % 10 == 0;
}

/*
 * A text of digits only that begins with 8 claims to be an RPPS number, so one digit too many or
 * too few is a typing error there and not an opaque text.
 */
enum hc_err hc_national_id_parse(const void *data, size_t len, struct hc_national_id *ret_id)
{
	const uint8_t *bytes = data;

	if (len > HC_NATIONAL_ID_MAX)
		return HC_ERR_TOOBIG;
	if (len == 0 || !all_bytes(bytes, len, is_national_byte))
		return HC_ERR_INVALID;
	if (bytes[0] == '8' && all_bytes(bytes, len, is_digit) &&
	    (len != 12 || !luhn_holds(bytes + 1, len - 1)))
		return HC_ERR_INVALID;
	copy_text(ret_id->text, data, len);
	return HC_OK;
}

enum hc_err hc_label_parse(const void *data, size_t len, struct hc_label *ret_label)
{
	if (len > HC_LABEL_MAX)
		return HC_ERR_TOOBIG;
	if (!hc_utf8_valid(data, len))
		return HC_ERR_INVALID;
	copy_text(ret_label->text, data, len);
	return HC_OK;
}

enum hc_err hc_credential_id_parse(const void *data, size_t len, struct hc_credential_id *ret_id)
{
	if (len > HC_CREDENTIAL_ID_LEN)
		return HC_ERR_TOOBIG;
	if (len != HC_CREDENTIAL_ID_LEN || !all_bytes(data, len, is_credential_byte))
		return HC_ERR_INVALID;
	copy_text(ret_id->text, data, len);
	return HC_OK;
}
