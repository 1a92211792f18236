/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PEER_H
#define HC_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "authd.h"
#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/* Which socket a connection came in by. */
enum hc_socket_kind { HC_SOCKET_AUTH = 0, HC_SOCKET_ADMIN = 1, HC_SOCKET_GATEWAY = 2 };
#define HC_SOCKET_KINDS 3

/* Whom the broker takes for privileged; fixed before the privileges are dropped. */
struct hc_peer_rules {
	bool own_uid_too; /* not started by root: own_uid counts as root does */
	uid_t own_uid;
	bool has_admin_group; /* false: the group does not exist, root alone administers */
	gid_t admin_gid;
	bool has_gateway; /* false: no such user, nobody is the gateway */
	uid_t gateway_uid;
};

/*
 * hc_peer_identify: who connected to fd, from SO_PEERCRED and SO_PEERGROUPS alone. The name of a
 * caller that is not root is left unknown (hc_peer_named adds it). HC_ERR_PERM for a caller that
 * may not use this socket, HC_ERR_IO when the kernel does not say.
 */
HC_CHECK enum hc_err hc_peer_identify(int fd, enum hc_socket_kind kind, const struct hc_peer_rules *rules,
				      struct hc_caller *ret_caller);

/* hc_peer_named: adds the login of the caller's uid; NULL: it has none that is known. */
void hc_peer_named(struct hc_caller *caller, const struct hc_login *login);

/* hc_peer_needs_name: whether decisions or the trail name this caller by its login. */
bool hc_peer_needs_name(const struct hc_caller *caller, const struct hc_peer_rules *rules);

#endif
