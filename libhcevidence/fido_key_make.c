/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Keys of the bare numbers that other programs keep. No state. Threats: a point that is not on its curve, a weak
 * modulus: what was made is opened once, as any other, before it is handed out.
 */
#include <string.h>

#include "fido_key.h"
#include "hospiconnect/buf.h"

#define COORDINATE_LEN 32
#define POINT_LEN      (2 * COORDINATE_LEN)
#define UNCOMPRESSED   0x04
#define EXPONENT_LEN   3
#define MODULUS_MIN    256
#define MODULUS_MAX    512

/* The heads, in the canonical order of CTAP2: kty, alg, -1, -2, -3. */
static const uint8_t EC2_X[] = {0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20};
static const uint8_t EC2_Y[] = {0x22, 0x58, 0x20};
static const uint8_t OKP_X[] = {0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20};
static const uint8_t RSA_N[] = {0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59};
static const uint8_t RSA_E[] = {0x21, 0x40 + EXPONENT_LEN};

static void write_point(struct hc_writer *writer, const uint8_t *raw, size_t len)
{
	/* With the byte that says "both coordinates", or without. */
	if (len == POINT_LEN + 1 && raw[0] == UNCOMPRESSED) {
		raw++;
		len--;
	}
	if (len != POINT_LEN) {
		writer->err = HC_ERR_INVALID;
		return;
	}
	hc_writer_bytes(writer, EC2_X, sizeof(EC2_X));
	hc_writer_bytes(writer, raw, COORDINATE_LEN);
	hc_writer_bytes(writer, EC2_Y, sizeof(EC2_Y));
	hc_writer_bytes(writer, raw + COORDINATE_LEN, COORDINATE_LEN);
}

static void write_ed25519(struct hc_writer *writer, const uint8_t *raw, size_t len)
{
	if (len != COORDINATE_LEN) {
		writer->err = HC_ERR_INVALID;
		return;
	}
	hc_writer_bytes(writer, OKP_X, sizeof(OKP_X));
	hc_writer_bytes(writer, raw, len);
}

static void write_rsa(struct hc_writer *writer, const uint8_t *raw, size_t len)
{
	if (len < MODULUS_MIN + EXPONENT_LEN || len > MODULUS_MAX + EXPONENT_LEN) {
		writer->err = HC_ERR_INVALID;
		return;
	}
	hc_writer_bytes(writer, RSA_N, sizeof(RSA_N));
	hc_writer_u16(writer, (uint16_t)(len - EXPONENT_LEN));
	hc_writer_bytes(writer, raw, len - EXPONENT_LEN);
	hc_writer_bytes(writer, RSA_E, sizeof(RSA_E));
	hc_writer_bytes(writer, raw + len - EXPONENT_LEN, EXPONENT_LEN);
}

enum hc_err hc_fido_key_make(enum hc_cose_alg alg, const void *raw, size_t len, uint8_t out[HC_FIDO_KEY_MAX],
			     size_t *ret_len)
{
	struct hc_writer writer;

	hc_writer_init(&writer, out, HC_FIDO_KEY_MAX);
	switch (alg) {
	case HC_COSE_ES256:
		write_point(&writer, raw, len);
		break;
	case HC_COSE_EDDSA:
		write_ed25519(&writer, raw, len);
		break;
	case HC_COSE_RS256:
		write_rsa(&writer, raw, len);
		break;
	}
	if (writer.err != HC_OK || writer.len == 0 || hc_fido_key_check(out, writer.len, NULL) != HC_OK)
		return HC_ERR_INVALID;
	*ret_len = writer.len;
	return HC_OK;
}
