/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SQL_H
#define HC_SQL_H

#include <stdbool.h>

/*
 * Every statement of the store, in one closed list: none is ever put together from data. Private to
 * authd/store/ and its tests.
 *
 *   WRITES    runs only inside an open transaction
 *   SIGN_IN   lies on the path of a sign-in: must find its rows by an index, however many there are
 */
#define HC_SQL_WRITES  0x1u
#define HC_SQL_SIGN_IN 0x2u

enum hc_sql {
	HC_SQL_BEGIN,
	HC_SQL_COMMIT,
	HC_SQL_ROLLBACK,
	HC_SQL_PERSON_ADD,
	HC_SQL_PERSON_BY_LOGIN,
	HC_SQL_PERSON_BY_ID,
	HC_SQL_PERSON_BY_NATIONAL_ID,
	HC_SQL_PERSON_SET_STATE,
	HC_SQL_PERSON_REMEMBER,
	HC_SQL_PERSON_REMOVE,
	HC_SQL_PERSON_LIST,
	HC_SQL_PERSON_COUNT,
	HC_SQL_CREDENTIAL_ADD,
	HC_SQL_CREDENTIAL_BY_ID,
	HC_SQL_CREDENTIAL_LIST,
	HC_SQL_CREDENTIAL_LIST_ALL,
	HC_SQL_CREDENTIAL_EVER,
	HC_SQL_CREDENTIAL_CONFIRM,
	HC_SQL_CREDENTIAL_REVOKE,
	HC_SQL_CREDENTIAL_USED,
	HC_SQL_TOTP_CONSUME,
	HC_SQL_HOTP_CONSUME,
	HC_SQL_RECOVERY_ADD,
	HC_SQL_RECOVERY_CONSUME,
	HC_SQL_RECOVERY_KNOWN,
	HC_SQL_RECOVERY_ERASE,
	HC_SQL_THROTTLE_GET,
	HC_SQL_THROTTLE_PUT,
	HC_SQL_THROTTLE_CLEAR,
	HC_SQL_THROTTLE_CLEAR_ALL,
	HC_SQL_THROTTLE_LIST,
	HC_SQL_AUDIT_APPEND,
	HC_SQL_AUDIT_LAST,
	HC_SQL_AUDIT_NEWEST,
	HC_SQL_AUDIT_LIST,
	HC_SQL_VALUE_GET,
	HC_SQL_VALUE_PUT,
	HC_SQL_HAS_SEALED,
	HC_SQL_GATEWAY_MARK_GET,
	HC_SQL_GATEWAY_MARK_PUT,
	HC_SQL_COUNT_
};

const char *hc_sql_text(enum hc_sql which);
unsigned hc_sql_flags(enum hc_sql which);

#endif
