/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_DB_H
#define HC_DB_H

#include "hospiconnect/sqlite.h"
#include "sql.h"
#include "store.h"

/* Private to authd/store/ and its tests. */
struct hc_store {
	struct hc_sqlite db;
};

#define HC_SCHEMA_LATEST 6

/* hc_schema_steps: of the schema, oldest first. */
extern const char *const hc_schema_steps[HC_SCHEMA_LATEST];
extern const struct hc_sqlite_options hc_store_options;

#endif
