/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CARD_SESSION_H
#define HC_TEST_CARD_SESSION_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include "card_files.h"

/* The functions of PKCS#11 that have to do with sessions, as its standard says. */
#define SLOTS_MAX  8
#define TRIES	   3
#define HUGE_COUNT 0x7fffffffUL

/* What a test wants to go wrong in this function. */
#define FAULT(function)                                                     \
	unsigned long fault_rv = 0;                                         \
	const enum hc_test_deed deed = hc_test_fault(#function, &fault_rv); \
	if (deed == HC_TEST_RETURN)                                         \
		return fault_rv;                                            \
	(void)deed

/* hc_test_card_in: the name of the card in that slot. */
bool hc_test_card_in(CK_SLOT_ID slot, char card[HC_TEST_NAME_MAX + 1]);
void hc_test_sessions_end(void);

CK_RV hc_test_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			   CK_SESSION_HANDLE *handle);
CK_RV hc_test_close_session(CK_SESSION_HANDLE handle);
CK_RV hc_test_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len);
CK_RV hc_test_logout(CK_SESSION_HANDLE handle);
CK_RV hc_test_find_objects_init(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *wanted, CK_ULONG count);
CK_RV hc_test_find_objects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count);
CK_RV hc_test_find_objects_final(CK_SESSION_HANDLE handle);
CK_RV hc_test_get_attribute_value(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE number, CK_ATTRIBUTE *attributes,
				  CK_ULONG count);
CK_RV hc_test_get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);
CK_RV hc_test_sign_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV hc_test_sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len);
CK_RV hc_test_digest_init(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism);
CK_RV hc_test_digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len);

#endif
