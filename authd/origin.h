/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ORIGIN_H
#define HC_ORIGIN_H

#include <stdbool.h>

#include "hospiconnect/identity.h"
#include "store/store.h"

/*
 * Where a password comes from, as a scope of failure counters: "ip:192.0.2.7" for an IPv4 address, also
 * inside an IPv6 one (::ffff:192.0.2.7), "ip:2001:db8:1:2::/64" for the network that one IPv6 subscriber
 * has. Pure; nothing is resolved.
 */

/* hc_password_scope: false, and an empty scope, for a host that is no address. */
bool hc_password_scope(const struct hc_host *host, char out[HC_SCOPE_MAX]);

#endif
