/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private extensions of IGC-Santé (arcs 1.2.250.1.71.1.2 and 1.2.250.1.71.4.2), read strictly: one
 * encoding for one value, nothing behind it. No state. Threats: a long length, a second copy of an
 * extension, an integer of eight bytes. It must never guess at what is not exactly of its type.
 */
#include <string.h>

#include "hospiconnect/buf.h"
#include "x509.h"

#define TAG_INTEGER   0x02
#define TAG_OCTETS    0x04
#define TAG_UTF8      0x0c
#define TAG_PRINTABLE 0x13
#define TAG_SEQUENCE  0x30
#define CATEGORY_TEST 0x80
#define LENGTH_LONG   0x80
#define NUMBER_MAX    0x7fff

/* One element with a length of one byte (short form): nothing that we read is longer than 127 bytes. */
static enum hc_err read_element(struct hc_reader *reader, uint8_t wanted, const uint8_t **ret_view,
				size_t *ret_len)
{
	struct hc_reader at = *reader;
	uint8_t tag;
	uint8_t len;

	if (hc_reader_u8(&at, &tag) != HC_OK || tag != wanted || hc_reader_u8(&at, &len) != HC_OK ||
	    len >= LENGTH_LONG || hc_reader_bytes(&at, len, ret_view) != HC_OK)
		return HC_ERR_INVALID;
	*ret_len = len;
	*reader = at;
	return HC_OK;
}

/* The whole of an extension is one element. */
static enum hc_err read_only(const ASN1_OCTET_STRING *value, uint8_t wanted, const uint8_t **ret_view,
			     size_t *ret_len)
{
	struct hc_reader reader;

	hc_reader_init(&reader, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	enum hc_err err = read_element(&reader, wanted, ret_view, ret_len);

	return err == HC_OK && hc_reader_left(&reader) != 0 ? HC_ERR_INVALID : err;
}

/* A small number in its one DER encoding: no leading zero byte but for the sign, not negative. */
static enum hc_err read_number(const ASN1_OCTET_STRING *value, int *ret_number)
{
	const uint8_t *view;
	size_t len;

	if (read_only(value, TAG_INTEGER, &view, &len) != HC_OK || len == 0 || len > 2 ||
	    (view[0] & 0x80) != 0 || (len == 2 && view[0] == 0 && (view[1] & 0x80) == 0))
		return HC_ERR_INVALID;
	int number = 0;

	for (size_t i = 0; i < len; i++)
		number = number << 8 | view[i];
	*ret_number = number;
	return number <= NUMBER_MAX ? HC_OK : HC_ERR_INVALID;
}

static bool is_code(const uint8_t *view, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((view[i] >= 'A' && view[i] <= 'Z') || (view[i] >= '0' && view[i] <= '9') ||
		      view[i] == '-' || view[i] == '_' || view[i] == '.'))
			return false;
	return len > 0;
}

static bool all_digits(const uint8_t *view, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (view[i] < '0' || view[i] > '9')
			return false;
	return len > 0;
}

static enum hc_err read_category(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	const uint8_t *view;
	size_t len;

	if (read_only(value, TAG_OCTETS, &view, &len) != HC_OK || len != 1)
		return HC_ERR_INVALID;
	out->category = view[0] & ~CATEGORY_TEST;
	out->test = out->test || (view[0] & CATEGORY_TEST) != 0;
	return HC_OK;
}

static enum hc_err read_card_type(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	enum hc_err err = read_number(value, &out->card_type);

	return err == HC_OK && out->card_type > HC_CPS_CPA ? HC_ERR_INVALID : err;
}

/* "8025000001/2600855206": who issued the card, and its number. */
static enum hc_err read_card_number(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	const uint8_t *view;
	size_t len;

	if (read_only(value, TAG_PRINTABLE, &view, &len) != HC_OK)
		return HC_ERR_INVALID;
	const uint8_t *slash = memchr(view, '/', len);

	if (slash == NULL)
		return HC_ERR_INVALID;
	const size_t issuer_len = (size_t)(slash - view);
	const size_t number_len = len - issuer_len - 1;

	if (issuer_len > HC_CPS_CARD_MAX || number_len > HC_CPS_CARD_MAX || !all_digits(view, issuer_len) ||
	    !all_digits(slash + 1, number_len))
		return HC_ERR_INVALID;
	memcpy(out->card_issuer, view, issuer_len);
	out->card_issuer[issuer_len] = '\0';
	memcpy(out->card_number, slash + 1, number_len);
	out->card_number[number_len] = '\0';
	return HC_OK;
}

static enum hc_err read_profession(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	return read_number(value, &out->profession);
}

static enum hc_err read_training(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	return read_number(value, &out->training);
}

static enum hc_err read_skills(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out)
{
	struct hc_reader reader;
	const uint8_t *view;
	size_t len;

	if (read_only(value, TAG_SEQUENCE, &view, &len) != HC_OK)
		return HC_ERR_INVALID;
	hc_reader_init(&reader, view, len);
	while (hc_reader_left(&reader) > 0) {
		if (out->skill_count == HC_CPS_SKILLS_MAX ||
		    read_element(&reader, TAG_UTF8, &view, &len) != HC_OK || len > HC_CPS_SKILL_MAX ||
		    !is_code(view, len))
			return HC_ERR_INVALID;
		memcpy(out->skills[out->skill_count], view, len);
		out->skills[out->skill_count++][len] = '\0';
	}
	return out->skill_count > 0 ? HC_OK : HC_ERR_INVALID;
}

static const struct private_extension {
	const char *oid;
	enum hc_err (*read)(const ASN1_OCTET_STRING *value, struct hc_cps_certificate *out);
} known[] = {
	{"1.2.250.1.71.1.2.2", read_card_type}, {"1.2.250.1.71.1.2.3", read_card_number},
	{"1.2.250.1.71.1.2.5", read_category},	{"1.2.250.1.71.1.2.7", read_profession},
	{"1.2.250.1.71.1.2.8", read_training},	{"1.2.250.1.71.4.2.5", read_skills},
};

/*
 * The decoders of OpenSSL take an element and leave what stands behind it. We do not: what one program
 * passes over another may read.
 */
static bool is_one_element(const ASN1_OCTET_STRING *value)
{
	const uint8_t *start = ASN1_STRING_get0_data(value), *at = start;
	const long total = ASN1_STRING_length(value);
	int tag, class;
	long len = 0;

	/* 0x80: an error; 1: an indefinite length, which DER has not. */
	return (ASN1_get_object(&at, &len, &tag, &class, total) & 0x81) == 0 && at - start + len == total;
}

static enum hc_err read_extension(X509_EXTENSION *extension, struct hc_cps_certificate *out, unsigned *seen)
{
	char oid[64];
	const int len = OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);

	if (!is_one_element(X509_EXTENSION_get_data(extension)))
		return HC_ERR_INVALID;
	if (len <= 0 || (size_t)len >= sizeof(oid))
		return HC_OK; /* longer than any of ours */
	for (size_t i = 0; i < HC_COUNT(known); i++) {
		if (strcmp(known[i].oid, oid) != 0)
			continue;
		if ((*seen & 1u << i) != 0)
			return HC_ERR_INVALID;
		*seen |= 1u << i;
		return known[i].read(X509_EXTENSION_get_data(extension), out);
	}
	return HC_OK;
}

enum hc_err hc_cps_read_private(const X509 *certificate, struct hc_cps_certificate *out)
{
	enum hc_err err = HC_OK;
	unsigned seen = 0;

	out->category = out->card_type = out->profession = out->training = -1;
	for (int i = 0; err == HC_OK && i < X509_get_ext_count(certificate); i++)
		err = read_extension(X509_get_ext(certificate, i), out, &seen);
	return err;
}
