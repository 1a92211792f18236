/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection.
 *
 * State: none. Threats: a caller that claims to be another. Nothing that a message says is looked
 * at here, only what the kernel noted when the connection was made. A fact that cannot be had counts
 * as the weaker one: no group, no privilege. It must never look a name up: that may hang.
 */
#include "peer.h"

#include <stdio.h>

#include "hospiconnect/sockets.h"

static bool privileged(uid_t uid, const struct hc_peer_rules *rules)
{
	return uid == 0 || (rules->own_uid_too && uid == rules->own_uid);
}

enum hc_err hc_peer_identify(int fd, enum hc_socket_kind kind, const struct hc_peer_rules *rules,
			     struct hc_caller *ret_caller)
{
	struct hc_caller caller = {0};
	struct hc_peer_cred cred = {0};

	if (hc_peer_cred_of(fd, &cred) != HC_OK)
		return HC_ERR_IO;
	caller.uid = cred.uid;
	caller.pid = cred.pid;
	switch (kind) {
	case HC_SOCKET_AUTH:
		caller.kind = privileged(cred.uid, rules) ? HC_CALLER_ROOT : HC_CALLER_USER;
		break;
	case HC_SOCKET_ADMIN:
		if (!privileged(cred.uid, rules) &&
		    !(rules->has_admin_group && hc_peer_in_group(fd, &cred, rules->admin_gid)))
			return HC_ERR_PERM;
		caller.kind = HC_CALLER_ADMIN;
		break;
	case HC_SOCKET_GATEWAY:
		/* One uid and no other: root has sockets of its own. */
		if (!(rules->has_gateway && cred.uid == rules->gateway_uid) &&
		    !(rules->own_uid_too && cred.uid == rules->own_uid))
			return HC_ERR_PERM;
		caller.kind = HC_CALLER_GATEWAY;
		break;
	}
	hc_peer_named(&caller, NULL);
	*ret_caller = caller;
	return HC_OK;
}

void hc_peer_named(struct hc_caller *caller, const struct hc_login *login)
{
	const char *name = NULL;

	if (login != NULL) {
		caller->name_known = true;
		caller->name = *login;
		name = login->text;
	} else if (caller->uid == 0) {
		name = "root";
	}
	/* Both fit: a number of ten digits and a login of 64 bytes. */
	if (name != NULL)
		(void)snprintf(caller->actor, sizeof(caller->actor), "uid %u (%s)", caller->uid, name);
	else
		(void)snprintf(caller->actor, sizeof(caller->actor), "uid %u", caller->uid);
}

bool hc_peer_needs_name(const struct hc_caller *caller, const struct hc_peer_rules *rules)
{
	return !privileged(caller->uid, rules);
}
