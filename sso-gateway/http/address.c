/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses: to listen on, to show, to count connections by.
 *
 * State: the table of counts, open addressing with linear probing, half full at most. Threats: a
 * client with a whole IPv6 network (counted by /64), addresses chosen to collide (the hash is keyed
 * with 128 random bits).
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum hc_err parse_port(const char *text, in_port_t *ret_port)
{
	unsigned long port = 0;
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9')
		return HC_ERR_INVALID;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || end - text > 5 || port > UINT16_MAX)
		return HC_ERR_INVALID;
	*ret_port = htons((uint16_t)port);
	return HC_OK;
}

static enum hc_err parse_host(const char *host, bool v6, in_port_t port, struct sockaddr_storage *ret_address,
			      socklen_t *ret_len)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};

	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, v6 ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr) !=
	    1)
		return HC_ERR_INVALID;
	memset(ret_address, 0, sizeof(*ret_address));
	*ret_len = v6 ? sizeof(in6) : sizeof(in4);
	memcpy(ret_address, v6 ? (const void *)&in6 : (const void *)&in4, *ret_len);
	return HC_OK;
}

enum hc_err hc_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[';
	char host[HC_ADDRESS_TEXT];
	in_port_t port = 0;
	size_t len = 0;

	if (colon == NULL || parse_port(colon + 1, &port) != HC_OK)
		return HC_ERR_INVALID;
	len = (size_t)(colon - text);
	if (v6 && (len < 2 || text[len - 1] != ']'))
		return HC_ERR_INVALID;
	if (v6) {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(host))
		return HC_ERR_INVALID;
	memcpy(host, text, len);
	host[len] = '\0';
	return parse_host(host, v6, port, ret_address, ret_len);
}

static void describe_v4(const void *bytes, char text[HC_ADDRESS_TEXT], struct hc_address_key *key)
{
	key->family = 4;
	memcpy(key->bytes, bytes, 4);
	if (inet_ntop(AF_INET, bytes, text, HC_ADDRESS_TEXT) == NULL)
		text[0] = '\0';
}

void hc_address_describe(const struct sockaddr_storage *address, char text[HC_ADDRESS_TEXT],
			 struct hc_address_key *ret_key)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	memset(ret_key, 0, sizeof(*ret_key));
	text[0] = '\0';
	if (address->ss_family == AF_INET) {
		memcpy(&in4, address, sizeof(in4));
		describe_v4(&in4.sin_addr, text, ret_key);
		return;
	}
	if (address->ss_family != AF_INET6)
		return;
	memcpy(&in6, address, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		describe_v4(in6.sin6_addr.s6_addr + 12, text, ret_key);
		return;
	}
	ret_key->family = 6;
	memcpy(ret_key->bytes, in6.sin6_addr.s6_addr, 8);
	if (inet_ntop(AF_INET6, &in6.sin6_addr, text, HC_ADDRESS_TEXT) == NULL)
		text[0] = '\0';
}

/* ---- counting ---- */

struct entry {
	struct hc_address_key key;
	unsigned count; /* 0: free */
};

struct hc_address_counts {
	uint64_t seed[2];
	size_t mask; /* a power of two, minus one */
	struct entry entries[];
};

enum hc_err hc_address_counts_new(unsigned capacity, struct hc_address_counts **ret_counts)
{
	struct hc_address_counts *counts = NULL;
	size_t size = 16;

	while (size / 2 < capacity)
		size *= 2;
	counts = calloc(1, sizeof(*counts) + size * sizeof(struct entry));
	if (counts == NULL)
		return HC_ERR_NOMEM;
	counts->mask = size - 1;
	if (getrandom(counts->seed, sizeof(counts->seed), 0) != (ssize_t)sizeof(counts->seed)) {
		free(counts);
		return HC_ERR_IO;
	}
	*ret_counts = counts;
	return HC_OK;
}

void hc_address_counts_free(struct hc_address_counts **counts)
{
	if (counts == NULL)
		return;
	free(*counts);
	*counts = NULL;
}

/* The high half of a 128-bit product of secrets and the key: what collides cannot be known outside. */
static size_t home_of(const struct hc_address_counts *counts, const struct hc_address_key *key)
{
	__extension__ unsigned __int128 product = 0;
	uint64_t value = 0;

	memcpy(&value, key->bytes, sizeof(value));
	product = (value ^ counts->seed[0]) + key->family;
	product *= counts->seed[1] | 1;
	return (size_t)((uint64_t)(product >> 64) ^ (uint64_t)product) & counts->mask;
}

/* The entry of the key, or the free one where it would stand. */
static struct entry *find(struct hc_address_counts *counts, const struct hc_address_key *key)
{
	size_t at = home_of(counts, key);

	while (counts->entries[at].count > 0 && memcmp(&counts->entries[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & counts->mask;
	return &counts->entries[at];
}

bool hc_address_take(struct hc_address_counts *counts, const struct hc_address_key *key, unsigned limit)
{
	struct entry *entry = find(counts, key);

	if (limit > 0 && entry->count >= limit)
		return false;
	entry->key = *key;
	entry->count++;
	return true;
}

/* Closes the gap, so that every key is still found from its home. */
static void remove_entry(struct hc_address_counts *counts, size_t gap)
{
	for (size_t at = (gap + 1) & counts->mask; counts->entries[at].count > 0;
	     at = (at + 1) & counts->mask) {
		size_t home = home_of(counts, &counts->entries[at].key);

		if (((at - home) & counts->mask) < ((at - gap) & counts->mask))
			continue; /* the gap is not on the way from its home */
		counts->entries[gap] = counts->entries[at];
		gap = at;
	}
	counts->entries[gap] = (struct entry){.count = 0};
}

void hc_address_give(struct hc_address_counts *counts, const struct hc_address_key *key)
{
	struct entry *entry = find(counts, key);

	if (entry->count > 0 && --entry->count == 0)
		remove_entry(counts, (size_t)(entry - counts->entries));
}
