/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module for tests: cards that count their tries, come and go, and misbehave in every call. See card_files.h for how
 * a test drives it.
 *
 * State: sessions; everything about the cards is in files. A card's PIN state is the card's, as on real ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#include "card_files.h"
#include "card_session.h"

#define EXPORT __attribute__((visibility("default")))

static char seen[SLOTS_MAX][HC_TEST_NAME_MAX + 1]; /* for events */

static size_t slot_count(void)
{
	size_t count = 0;

	while (count < SLOTS_MAX && hc_test_exists("slots/%zu/reader", count))
		count++;
	return count;
}

static void pad(CK_UTF8CHAR *out, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++)
		out[i] = *text == '\0' ? ' ' : (CK_UTF8CHAR)*text++;
}

/* ---- general ---- */

/* Loading is a call as well. */
__attribute__((constructor)) static void loaded(void)
{
	unsigned long ignored;

	(void)hc_test_fault("load", &ignored);
	for (char **entry = environ; *entry != NULL; entry++)
		hc_test_log("environment %.200s", *entry);
}

static CK_RV initialize(void *arguments)
{
	FAULT(C_Initialize);
	(void)arguments;
	hc_test_log("C_Initialize uid %u", (unsigned)geteuid());
	(void)printf("a module that talks\n");
	(void)fflush(stdout);
	return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
	FAULT(C_Finalize);
	(void)reserved;
	hc_test_log("C_Finalize");
	hc_test_sessions_end();
	return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	size_t have = slot_count();

	FAULT(C_GetSlotList);
	(void)present;
	if (deed == HC_TEST_LIE) {
		*count = HUGE_COUNT;
		return CKR_OK;
	}
	if (slots != NULL && *count < have)
		return CKR_BUFFER_TOO_SMALL;
	for (size_t i = 0; slots != NULL && i < have; i++)
		slots[i] = i;
	*count = have;
	return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	char text[128], card[HC_TEST_NAME_MAX + 1];

	FAULT(C_GetSlotInfo);
	memset(info, 0, sizeof(*info));
	if (hc_test_read(text, sizeof(text), "slots/%lu/reader", slot) < 0)
		return CKR_SLOT_ID_INVALID;
	pad(info->slotDescription, sizeof(info->slotDescription), text);
	pad(info->manufacturerID, sizeof(info->manufacturerID), "tests");
	info->flags =
		CKF_HW_SLOT | CKF_REMOVABLE_DEVICE | (hc_test_card_in(slot, card) ? CKF_TOKEN_PRESENT : 0);
	return CKR_OK;
}

static CK_FLAGS flags_of(const char *card)
{
	CK_FLAGS flags = CKF_TOKEN_INITIALIZED | CKF_RNG;
	long tries = hc_test_number(TRIES, "cards/%s/tries", card);

	if (!hc_test_exists("cards/%s/no_pin", card))
		flags |= CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
	if (hc_test_exists("cards/%s/pinpad", card))
		flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
	if (hc_test_exists("cards/%s/mute", card))
		return flags;
	if (tries < TRIES)
		flags |= CKF_USER_PIN_COUNT_LOW;
	if (tries == 1)
		flags |= CKF_USER_PIN_FINAL_TRY;
	return tries == 0 ? flags | CKF_USER_PIN_LOCKED : flags;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	char card[HC_TEST_NAME_MAX + 1], text[128];

	FAULT(C_GetTokenInfo);
	memset(info, deed == HC_TEST_LIE ? 0xff : 0, sizeof(*info));
	if (deed == HC_TEST_LIE)
		return CKR_OK;
	if (!hc_test_card_in(slot, card))
		return CKR_TOKEN_NOT_PRESENT;
	if (!hc_test_exists("cards/%s/label", card))
		return CKR_TOKEN_NOT_RECOGNIZED;
	(void)hc_test_read(text, sizeof(text), "cards/%s/label", card);
	pad(info->label, sizeof(info->label), text);
	(void)hc_test_read(text, sizeof(text), "cards/%s/serial", card);
	pad(info->serialNumber, sizeof(info->serialNumber), text);
	pad(info->model, sizeof(info->model), "IAS ECC");
	pad(info->manufacturerID, sizeof(info->manufacturerID), "");
	info->flags = flags_of(card);
	info->ulMinPinLen = (CK_ULONG)hc_test_number(4, "cards/%s/pin_min", card);
	info->ulMaxPinLen = (CK_ULONG)hc_test_number(4, "cards/%s/pin_max", card);
	return CKR_OK;
}

static CK_RV wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	FAULT(C_WaitForSlotEvent);
	(void)reserved;
	if (hc_test_exists("no_events") || (flags & CKF_DONT_BLOCK) == 0)
		return CKR_FUNCTION_NOT_SUPPORTED;
	for (size_t i = 0; i < slot_count(); i++) {
		char card[HC_TEST_NAME_MAX + 1];

		(void)hc_test_card_in(i, card);
		if (strcmp(card, seen[i]) != 0) {
			(void)snprintf(seen[i], sizeof(seen[i]), "%s", card);
			*slot = i;
			return CKR_OK;
		}
	}
	return CKR_NO_EVENT;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

/* What is left out is not called by hc-pkcs11; a call of it would be seen as a crash. */
static CK_FUNCTION_LIST functions = {.version = {2, 20},
				     .C_Initialize = initialize,
				     .C_Finalize = finalize,
				     .C_GetFunctionList = C_GetFunctionList,
				     .C_GetSlotList = get_slot_list,
				     .C_GetSlotInfo = get_slot_info,
				     .C_GetTokenInfo = get_token_info,
				     .C_GetMechanismInfo = hc_test_get_mechanism_info,
				     .C_WaitForSlotEvent = wait_for_slot_event,
				     .C_OpenSession = hc_test_open_session,
				     .C_CloseSession = hc_test_close_session,
				     .C_Login = hc_test_login,
				     .C_Logout = hc_test_logout,
				     .C_FindObjectsInit = hc_test_find_objects_init,
				     .C_FindObjects = hc_test_find_objects,
				     .C_FindObjectsFinal = hc_test_find_objects_final,
				     .C_GetAttributeValue = hc_test_get_attribute_value,
				     .C_DigestInit = hc_test_digest_init,
				     .C_Digest = hc_test_digest,
				     .C_SignInit = hc_test_sign_init,
				     .C_Sign = hc_test_sign};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	*list = &functions;
	return CKR_OK;
}
