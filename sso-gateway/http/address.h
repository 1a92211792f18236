/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ADDRESS_H
#define HC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * hc_address_parse: "127.0.0.1:8443" or "[::1]:443"; numbers only, nothing is resolved.
 * HC_ERR_INVALID.
 */
HC_CHECK enum hc_err hc_address_parse(const char *text, struct sockaddr_storage *ret_address,
				      socklen_t *ret_len);

/* Who shares a limit: an IPv4 address, or the /64 of an IPv6 one. */
struct hc_address_key {
	uint8_t bytes[8];
	uint8_t family; /* 4, 6, or 0 for anything else */
};

#define HC_ADDRESS_TEXT 46
/* hc_address_describe: an IPv4 address inside of IPv6 is the IPv4 address. */
void hc_address_describe(const struct sockaddr_storage *address, char text[HC_ADDRESS_TEXT],
			 struct hc_address_key *ret_key);

/*
 * How many connections each address holds: a table of fixed size with a keyed hash, so that nobody
 * who chooses addresses makes it slow.
 */
struct hc_address_counts;

/* hc_address_counts_new: for at most capacity connections. HC_ERR_NOMEM, HC_ERR_IO. */
HC_CHECK enum hc_err hc_address_counts_new(unsigned capacity, struct hc_address_counts **ret_counts);
void hc_address_counts_free(struct hc_address_counts **counts);

/* hc_address_take: counts one more; false, and nothing counted, where limit (0: none) is reached. */
bool hc_address_take(struct hc_address_counts *counts, const struct hc_address_key *key, unsigned limit);
void hc_address_give(struct hc_address_counts *counts, const struct hc_address_key *key);

#endif
