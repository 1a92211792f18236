/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate is for, and ECDSA signatures as X.509 has them: the little DER that hc-pkcs11 needs.
 * No state. OpenSSL is left out on purpose: its symbols in this process would be found before those of a
 * middleware that brings an OpenSSL of its own. Threats: a certificate whose lengths lie. It must never
 * follow a length out of what holds it, and nothing here decides whom to trust.
 */
#include "pkcs11_certificate.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/log.h"

#define TAG_BOOLEAN    0x01
#define TAG_INTEGER    0x02
#define TAG_BIT_STRING 0x03
#define TAG_OCTETS     0x04
#define TAG_OID	       0x06
#define TAG_SEQUENCE   0x30
#define TAG_SET	       0x31
#define TAG_VERSION    0xa0
#define TAG_EXTENSIONS 0xa3
#define HIGH_TAG       0x1f
#define LONG_FORM      0x80
#define BIT_SIGN       0x80 /* digitalSignature, the first bit */
#define BIT_COMMIT     0x40 /* nonRepudiation */
#define COORDINATE_MAX 66   /* P-521 */
#define RDNS_MAX       32
#define NAME_PART_MAX  64

struct oid {
	uint8_t len;
	uint8_t bytes[10];
};

static const struct oid oid_key_usage = {3, {0x55, 0x1d, 0x0f}};
static const struct oid oid_basic_constraints = {3, {0x55, 0x1d, 0x13}};
static const struct oid oid_extended_usage = {3, {0x55, 0x1d, 0x25}};
static const struct oid oid_client_auth = {8, {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02}};
static const struct oid oid_smart_card = {10, {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x02}};
static const struct oid oid_common_name = {3, {0x55, 0x04, 0x03}};
static const struct oid oid_surname = {3, {0x55, 0x04, 0x04}};
static const struct oid oid_given_name = {3, {0x55, 0x04, 0x2a}};

/* ---- elements ---- */

static enum hc_err read_length(struct hc_reader *reader, size_t *ret_len)
{
	uint8_t first, next;
	size_t len = 0;

	if (hc_reader_u8(reader, &first) != HC_OK)
		return HC_ERR_INVALID;
	if (first < LONG_FORM) {
		*ret_len = first;
		return HC_OK;
	}
	/* Two bytes say 65535: more than any certificate that is read here. */
	if (first != (LONG_FORM | 1) && first != (LONG_FORM | 2))
		return HC_ERR_INVALID;
	for (int i = first & 0x7f; i > 0; i--) {
		if (hc_reader_u8(reader, &next) != HC_OK)
			return HC_ERR_INVALID;
		len = len << 8 | next;
	}
	if (len < LONG_FORM || (first == (LONG_FORM | 2) && len < 0x100))
		return HC_ERR_INVALID; /* DER has one form for a length */
	*ret_len = len;
	return HC_OK;
}

/* The next element, whatever it is: its tag and a cursor over its contents. */
static enum hc_err read_any(struct hc_reader *reader, uint8_t *ret_tag, struct hc_reader *ret_inner)
{
	struct hc_reader at = *reader;
	const uint8_t *view;
	uint8_t tag;
	size_t len;

	if (hc_reader_u8(&at, &tag) != HC_OK || (tag & HIGH_TAG) == HIGH_TAG ||
	    read_length(&at, &len) != HC_OK || hc_reader_bytes(&at, len, &view) != HC_OK)
		return HC_ERR_INVALID;
	*ret_tag = tag;
	hc_reader_init(ret_inner, view, len);
	*reader = at;
	return HC_OK;
}

static enum hc_err read_element(struct hc_reader *reader, uint8_t wanted, struct hc_reader *ret_inner)
{
	struct hc_reader at = *reader;
	uint8_t tag;

	if (read_any(&at, &tag, ret_inner) != HC_OK || tag != wanted)
		return HC_ERR_INVALID;
	*reader = at;
	return HC_OK;
}

static bool is_oid(const struct hc_reader *value, const struct oid *wanted)
{
	return value->len == wanted->len && memcmp(value->data, wanted->bytes, wanted->len) == 0;
}

static bool next_is(const struct hc_reader *reader, uint8_t tag)
{
	return hc_reader_left(reader) > 0 && reader->data[reader->pos] == tag;
}

/* ---- extensions ---- */

static enum hc_err read_key_usage(struct hc_reader *value, struct hc_p11_usage *usage)
{
	struct hc_reader bits;

	/* The first byte counts unused bits, which DER makes zero. */
	if (read_element(value, TAG_BIT_STRING, &bits) != HC_OK || bits.len < 2)
		return HC_ERR_INVALID;
	usage->has_key_usage = true;
	usage->may_sign = (bits.data[1] & BIT_SIGN) != 0;
	usage->may_commit = (bits.data[1] & BIT_COMMIT) != 0;
	return HC_OK;
}

static enum hc_err read_extended_usage(struct hc_reader *value, struct hc_p11_usage *usage)
{
	struct hc_reader list, oid;

	if (read_element(value, TAG_SEQUENCE, &list) != HC_OK)
		return HC_ERR_INVALID;
	while (hc_reader_left(&list) > 0) {
		if (read_element(&list, TAG_OID, &oid) != HC_OK)
			return HC_ERR_INVALID;
		usage->client_auth = usage->client_auth || is_oid(&oid, &oid_client_auth);
		usage->smart_card = usage->smart_card || is_oid(&oid, &oid_smart_card);
	}
	return HC_OK;
}

static enum hc_err read_basic_constraints(struct hc_reader *value, struct hc_p11_usage *usage)
{
	struct hc_reader list, flag;

	if (read_element(value, TAG_SEQUENCE, &list) != HC_OK)
		return HC_ERR_INVALID;
	if (!next_is(&list, TAG_BOOLEAN))
		return HC_OK;
	if (read_element(&list, TAG_BOOLEAN, &flag) != HC_OK || flag.len != 1)
		return HC_ERR_INVALID;
	usage->authority = flag.data[0] != 0;
	return HC_OK;
}

static enum hc_err read_extension(struct hc_reader *extension, struct hc_p11_usage *usage)
{
	struct hc_reader oid, critical, value;

	if (read_element(extension, TAG_OID, &oid) != HC_OK ||
	    (next_is(extension, TAG_BOOLEAN) && read_element(extension, TAG_BOOLEAN, &critical) != HC_OK) ||
	    read_element(extension, TAG_OCTETS, &value) != HC_OK)
		return HC_ERR_INVALID;
	if (is_oid(&oid, &oid_key_usage))
		return read_key_usage(&value, usage);
	if (is_oid(&oid, &oid_extended_usage))
		return read_extended_usage(&value, usage);
	if (is_oid(&oid, &oid_basic_constraints))
		return read_basic_constraints(&value, usage);
	return HC_OK;
}

/* Behind the public key: two identifiers that nobody uses, and the extensions. */
static enum hc_err read_extensions(struct hc_reader *certificate, struct hc_p11_usage *usage)
{
	struct hc_reader inner, list, extension;
	uint8_t tag = 0;

	while (tag != TAG_EXTENSIONS) {
		if (hc_reader_left(certificate) == 0)
			return HC_OK; /* without any: fit for nothing */
		if (read_any(certificate, &tag, &inner) != HC_OK)
			return HC_ERR_INVALID;
	}
	if (read_element(&inner, TAG_SEQUENCE, &list) != HC_OK)
		return HC_ERR_INVALID;
	while (hc_reader_left(&list) > 0) {
		if (read_element(&list, TAG_SEQUENCE, &extension) != HC_OK ||
		    read_extension(&extension, usage) != HC_OK)
			return HC_ERR_INVALID;
	}
	return HC_OK;
}

/* ---- the holder ---- */

struct name_parts {
	char common[NAME_PART_MAX + 1], given[NAME_PART_MAX + 1], surname[NAME_PART_MAX + 1];
};

static void keep_part(const struct hc_reader *value, char *part)
{
	size_t len = value->len < NAME_PART_MAX ? value->len : NAME_PART_MAX;

	memcpy(part, value->data, len);
	part[len] = '\0'; /* a NUL inside cuts it: it is for eyes only */
}

static enum hc_err read_attribute(struct hc_reader *set, struct name_parts *parts)
{
	struct hc_reader pair, oid, value;
	uint8_t tag;

	if (read_element(set, TAG_SEQUENCE, &pair) != HC_OK || read_element(&pair, TAG_OID, &oid) != HC_OK ||
	    read_any(&pair, &tag, &value) != HC_OK)
		return HC_ERR_INVALID;
	if (is_oid(&oid, &oid_common_name))
		keep_part(&value, parts->common);
	else if (is_oid(&oid, &oid_given_name))
		keep_part(&value, parts->given);
	else if (is_oid(&oid, &oid_surname))
		keep_part(&value, parts->surname);
	return HC_OK;
}

/* A name part has several attributes in one set on these cards. */
static enum hc_err read_holder(struct hc_reader *subject, struct hc_p11_usage *usage)
{
	struct name_parts parts = {"", "", ""};
	char name[2 * NAME_PART_MAX + 2];
	struct hc_reader set;

	for (int i = 0; i < RDNS_MAX && hc_reader_left(subject) > 0; i++) {
		if (read_element(subject, TAG_SET, &set) != HC_OK)
			return HC_ERR_INVALID;
		while (hc_reader_left(&set) > 0) {
			if (read_attribute(&set, &parts) != HC_OK)
				return HC_ERR_INVALID;
		}
	}
	if (parts.surname[0] != '\0' && parts.given[0] != '\0')
		(void)snprintf(name, sizeof(name), "%s %s", parts.given, parts.surname);
	else
		(void)snprintf(name, sizeof(name), "%s",
			       parts.surname[0] != '\0' ? parts.surname : parts.common);
	hc_escape(name, usage->holder, sizeof(usage->holder));
	return HC_OK;
}

enum hc_err hc_p11_usage_read(const void *der, size_t len, struct hc_p11_usage *ret_usage)
{
	struct hc_p11_usage usage = {0};
	struct hc_reader whole, outer, certificate, skipped, subject;

	hc_reader_init(&whole, der, len);
	if (read_element(&whole, TAG_SEQUENCE, &outer) != HC_OK || hc_reader_left(&whole) != 0 ||
	    read_element(&outer, TAG_SEQUENCE, &certificate) != HC_OK)
		return HC_ERR_INVALID;
	if (read_element(&certificate, TAG_VERSION, &skipped) != HC_OK ||
	    read_element(&certificate, TAG_INTEGER, &skipped) != HC_OK ||
	    read_element(&certificate, TAG_SEQUENCE, &skipped) != HC_OK || /* algorithm */
	    read_element(&certificate, TAG_SEQUENCE, &skipped) != HC_OK || /* issuer */
	    read_element(&certificate, TAG_SEQUENCE, &skipped) != HC_OK || /* validity */
	    read_element(&certificate, TAG_SEQUENCE, &subject) != HC_OK ||
	    read_element(&certificate, TAG_SEQUENCE, &skipped) != HC_OK) /* public key */
		return HC_ERR_INVALID;
	if (read_holder(&subject, &usage) != HC_OK || read_extensions(&certificate, &usage) != HC_OK)
		return HC_ERR_INVALID;
	*ret_usage = usage;
	return HC_OK;
}

/* ---- ECDSA ---- */

static void put_integer(struct hc_writer *writer, const uint8_t *number, size_t len)
{
	bool negative;

	while (len > 1 && *number == 0) {
		number++;
		len--;
	}
	negative = (*number & 0x80) != 0;
	hc_writer_u8(writer, TAG_INTEGER);
	hc_writer_u8(writer, (uint8_t)(len + (negative ? 1 : 0)));
	if (negative)
		hc_writer_u8(writer, 0);
	hc_writer_bytes(writer, number, len);
}

static bool is_zero(const uint8_t *number, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (number[i] != 0)
			return false;
	}
	return true;
}

enum hc_err hc_p11_ecdsa_to_der(const void *raw, size_t len, uint8_t *out, size_t cap, size_t *ret_len)
{
	uint8_t numbers[2 * (COORDINATE_MAX + 3)];
	const uint8_t *r = raw;
	size_t half = len / 2;
	struct hc_writer inner, writer;

	if (len == 0 || len % 2 != 0 || half > COORDINATE_MAX || is_zero(r, half) || is_zero(r + half, half))
		return HC_ERR_INVALID;
	hc_writer_init(&inner, numbers, sizeof(numbers));
	put_integer(&inner, r, half);
	put_integer(&inner, r + half, half);
	hc_writer_init(&writer, out, cap);
	hc_writer_u8(&writer, TAG_SEQUENCE);
	if (inner.len >= LONG_FORM)
		hc_writer_u8(&writer, LONG_FORM | 1);
	hc_writer_u8(&writer, (uint8_t)inner.len);
	hc_writer_bytes(&writer, numbers, inner.len);
	if (inner.err != HC_OK || writer.err != HC_OK)
		return HC_ERR_TOOBIG;
	*ret_len = writer.len;
	return HC_OK;
}
