/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes of password counters.
 *
 * No state. Threat: one attacker who has 2^64 addresses, or writes one address in many ways, and so has as
 * many free tries: addresses are parsed and written again, IPv6 by network.
 */
#include "origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_LEN 8 /* bytes of a /64 */

static bool scope_of_ipv4(const void *address, char out[HC_SCOPE_MAX])
{
	char text[INET_ADDRSTRLEN];

	if (inet_ntop(AF_INET, address, text, sizeof(text)) == NULL)
		return false;
	(void)snprintf(out, HC_SCOPE_MAX, "ip:%s", text); /* fits */
	return true;
}

bool hc_password_scope(const struct hc_host *host, char out[HC_SCOPE_MAX])
{
	struct in6_addr wide;
	struct in_addr narrow;
	char text[INET6_ADDRSTRLEN];

	out[0] = '\0';
	if (inet_pton(AF_INET, host->text, &narrow) == 1)
		return scope_of_ipv4(&narrow, out);
	if (inet_pton(AF_INET6, host->text, &wide) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&wide))
		return scope_of_ipv4(&wide.s6_addr[12], out);
	memset(&wide.s6_addr[PREFIX_LEN], 0, sizeof(wide.s6_addr) - PREFIX_LEN);
	if (inet_ntop(AF_INET6, &wide, text, sizeof(text)) == NULL)
		return false;
	(void)snprintf(out, HC_SCOPE_MAX, "ip:%s/64", text); /* fits */
	return true;
}
