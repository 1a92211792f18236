/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "hospiconnect/secret.h"
#include "pkcs11_module.h"

/*
 * A hostile PKCS#11 library: every count, length, flag, return value and byte that it gives comes from the input. It writes
 * only where it may. Readers are looked through, a session is opened, a PIN sent, a message signed; what is kept stays
 * within its bounds, and nothing is signed without a login.
 */
static const uint8_t *input;
static size_t input_left;
static bool logged_in;

static uint8_t take(void)
{
	if (input_left == 0)
		return 0;
	input_left--;
	return *input++;
}

static CK_ULONG take_number(void)
{
	static const CK_ULONG rare[] = {CK_UNAVAILABLE_INFORMATION, 0x7fffffffUL, 0x8000000000000000UL, 65536,
					4096};
	uint8_t first = take();

	return first >= 250 ? rare[first % HC_COUNT(rare)] : first >= 200 ? (CK_ULONG)take() << 4 : first;
}

static void take_bytes(void *out, size_t len)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = take();
}

static CK_RV take_rv(void)
{
	static const CK_RV rvs[] = {CKR_DEVICE_REMOVED,	  CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
				    CKR_BUFFER_TOO_SMALL, CKR_GENERAL_ERROR, CKR_VENDOR_DEFINED | 1};
	uint8_t first = take();

	return first < 240 ? CKR_OK : rvs[first % HC_COUNT(rvs)];
}

static CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	CK_ULONG have = take_number();

	(void)present;
	for (CK_ULONG i = 0; slots != NULL && i < *count && i < have; i++)
		slots[i] = take();
	*count = have;
	return take_rv();
}

static CK_RV slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	(void)slot;
	take_bytes(info->slotDescription, 8);
	memset(info->slotDescription + 8, take(), sizeof(info->slotDescription) - 8);
	info->flags = take() | CKF_TOKEN_PRESENT;
	return take_rv();
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	(void)slot;
	memset(info, take(), sizeof(*info));
	take_bytes(info->serialNumber, 2);
	info->flags = CKF_TOKEN_INITIALIZED | (CK_FLAGS)take() << 16 | (CK_FLAGS)take() << 2;
	info->ulMinPinLen = take_number();
	info->ulMaxPinLen = take_number();
	return take_rv();
}

static CK_RV mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	(void)slot;
	(void)type;
	info->flags = (take() & 1) != 0 ? CKF_SIGN : 0;
	return take_rv();
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	(void)slot;
	(void)flags;
	(void)application;
	(void)notify;
	*session = take();
	return take_rv();
}

static CK_RV with_session(CK_SESSION_HANDLE session)
{
	(void)session;
	return take_rv();
}

static CK_RV log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	CK_RV rv = take_rv();

	(void)session;
	FUZZ_REQUIRE(user == CKU_USER && !logged_in && (pin == NULL || len > 0));
	logged_in = rv == CKR_OK;
	return rv;
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
	(void)session;
	(void)wanted;
	(void)count;
	return take_rv();
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count)
{
	CK_ULONG have = take_number();

	(void)session;
	for (CK_ULONG i = 0; i < have && i < max; i++)
		found[i] = take();
	*count = have;
	return take_rv();
}

static CK_RV attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,
		       CK_ULONG count)
{
	(void)session;
	(void)object;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_ULONG len = take_number();

		take_bytes(attributes[i].pValue,
			   len < attributes[i].ulValueLen ? len : attributes[i].ulValueLen);
		attributes[i].ulValueLen = len;
	}
	return take_rv();
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)session;
	(void)key;
	FUZZ_REQUIRE(logged_in);
	FUZZ_REQUIRE(mechanism->mechanism == CKM_SHA256_RSA_PKCS || mechanism->mechanism == CKM_ECDSA ||
		     mechanism->mechanism == CKM_ECDSA_SHA256);
	return take_rv();
}

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	(void)session;
	(void)mechanism;
	return take_rv();
}

/* C_Sign and C_Digest: data in, bytes out. */
static CK_RV produce(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_ULONG have = take_number();

	(void)session;
	(void)data;
	(void)len;
	take_bytes(out, have < *out_len ? have : *out_len);
	*out_len = have;
	return take_rv();
}

static CK_FUNCTION_LIST functions = {.version = {2, 20},
				     .C_GetSlotList = slot_list,
				     .C_GetSlotInfo = slot_info,
				     .C_GetTokenInfo = token_info,
				     .C_GetMechanismInfo = mechanism_info,
				     .C_OpenSession = open_session,
				     .C_CloseSession = with_session,
				     .C_Login = log_in,
				     .C_Logout = with_session,
				     .C_FindObjectsInit = find_init,
				     .C_FindObjects = find,
				     .C_FindObjectsFinal = with_session,
				     .C_GetAttributeValue = attribute,
				     .C_DigestInit = digest_init,
				     .C_Digest = produce,
				     .C_SignInit = sign_init,
				     .C_Sign = produce};

static void check_cards(const struct hc_p11_cards *cards)
{
	FUZZ_REQUIRE(cards->count <= HC_P11_CARDS_MAX);
	for (size_t i = 0; i < cards->count; i++) {
		const struct hc_p11_card *card = &cards->cards[i];

		FUZZ_REQUIRE(card->count <= HC_P11_CERTIFICATES_MAX);
		FUZZ_REQUIRE(memchr(card->label, '\0', sizeof(card->label)) != NULL &&
			     memchr(card->serial, '\0', sizeof(card->serial)) != NULL &&
			     memchr(card->reader_name, '\0', sizeof(card->reader_name)) != NULL);
		for (size_t k = 0; k < card->count; k++)
			FUZZ_REQUIRE(card->certificates[k].id_len <= HC_P11_ID_MAX &&
				     card->certificates[k].der_len <= HC_P11_DER_MAX);
	}
}

/* With what the library called a certificate, or with one of ours where it has none. */
static void use_card(struct hc_p11_module *module, struct hc_p11_card *card)
{
	HC_AUTO(secret) pin = NULL;
	struct hc_p11_signature signature = {.len = 0};

	card->certificates[0].id_len = card->certificates[0].id_len > 0 ? card->certificates[0].id_len : 1;
	if (hc_secret_from("1234", 4, &pin) != HC_OK)
		abort();
	if (hc_p11_session(module, card, &card->certificates[0]) == HC_REASON_NONE &&
	    hc_p11_look(module, card) == HC_REASON_NONE && hc_p11_login(module, card, pin) == HC_REASON_NONE)
		FUZZ_REQUIRE(logged_in);
	if (hc_p11_sign(module, card, &card->certificates[0], "message", 7, &signature) == HC_REASON_NONE)
		FUZZ_REQUIRE(logged_in && signature.len > 0 && signature.len <= sizeof(signature.bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hc_p11_cards cards;
	struct hc_p11_watch watch = {.pin_sent = false};
	struct hc_p11_module module = {.functions = &functions, .watch = &watch};
	bool changed;

	input = data;
	input_left = size;
	logged_in = false;
	cards.count = 0;
	for (int i = 0; i < 2 && hc_p11_scan(&module, &cards, &changed) == HC_REASON_NONE; i++)
		check_cards(&cards);
	if (cards.count > 0)
		use_card(&module, &cards.cards[0]);
	FUZZ_REQUIRE(memchr(watch.call, '\0', sizeof(watch.call)) != NULL &&
		     memchr(watch.reader, '\0', sizeof(watch.reader)) != NULL &&
		     memchr(module.failure, '\0', sizeof(module.failure)) != NULL);
	return 0;
}
