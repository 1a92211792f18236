/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids and sealed secrets of credentials.
 *
 * No state. The associated data of a seal name the person, the credential and its type, so that a
 * sealed secret which somebody moves to another row of the store does not open there.
 */
#include "credential.h"

#include <string.h>

#include "base32.h"
#include "hospiconnect/buf.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/secret.h"

#define AAD_LABEL "hospiconnect credential v1"
#define AAD_MAX	  64

enum hc_err hc_credential_id_new(struct hc_credential_id *ret_id)
{
	uint8_t bytes[8];
	char text[16];
	enum hc_err err = hc_random(bytes, sizeof(bytes));

	if (err != HC_OK)
		return err;
	err = hc_base32_encode(bytes, sizeof(bytes), HC_BASE32_LOWER, text, sizeof(text));
	if (err != HC_OK)
		return err;
	memcpy(ret_id->text, text, HC_CREDENTIAL_ID_LEN);
	ret_id->text[HC_CREDENTIAL_ID_LEN] = '\0';
	return HC_OK;
}

static enum hc_err associated_data(const struct hc_credential *credential, uint8_t out[AAD_MAX],
				   size_t *ret_len)
{
	struct hc_writer writer;

	hc_writer_init(&writer, out, AAD_MAX);
	hc_writer_bytes(&writer, AAD_LABEL, sizeof(AAD_LABEL)); /* with its NUL */
	hc_writer_u64(&writer, (uint64_t)credential->person_id);
	hc_writer_bytes(&writer, credential->id.text, strlen(credential->id.text) + 1);
	hc_writer_u8(&writer, (uint8_t)credential->type);
	*ret_len = writer.len;
	return writer.err;
}

enum hc_err hc_credential_seal(const struct hc_seal *seal, struct hc_credential *credential,
			       const struct hc_secret *plain)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len;
	enum hc_err err = associated_data(credential, aad, &aad_len);

	if (err != HC_OK)
		return err;
	return hc_seal_wrap(seal, plain, aad, aad_len, credential->sealed, sizeof(credential->sealed),
			    &credential->sealed_len);
}

enum hc_err hc_credential_unseal(const struct hc_seal *seal, const struct hc_credential *credential,
				 struct hc_secret **ret_plain)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len;
	enum hc_err err = associated_data(credential, aad, &aad_len);

	if (err != HC_OK)
		return err;
	return hc_seal_unwrap(seal, credential->sealed, credential->sealed_len, aad, aad_len, ret_plain);
}

enum hc_err hc_credential_room(const struct hc_authd *authd, int64_t person_id)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	size_t count;
	enum hc_err err =
		hc_store_credential_list(authd->store, person_id, false, HC_COUNT(held), held, &count);

	if (err != HC_OK)
		return err;
	return count < HC_CREDENTIALS_MAX ? HC_OK : HC_ERR_STATE;
}
