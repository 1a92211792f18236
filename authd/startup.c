/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to a serving broker, and back.
 *
 * State: what the broker owns, in one struct that is taken down in reverse. Threats: a half-started
 * broker that answers, a seal key that is silently replaced while data sealed under the old one
 * exist, a state directory that others can reach. Whatever is missing or wrong, the broker ends with
 * one line that says what to do. It must never make a key when the store holds sealed data.
 */
#include "startup.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "audit.h"
#include "cps_trust.h"
#include "device.h"
#include "device_place.h"
#include "factor_cps_pairing.h"
#include "hospiconnect/clock.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "hospiconnect/program.h"
#include "hospiconnect/seal_place.h"
#include "hospiconnect/sockets.h"
#include "loop.h"
#include "ocsp.h"
#include "pin_memory.h"
#include "resolver.h"
#include "restored.h"
#include "rotation.h"
#include "starter.h"
#include "store/store.h"

#define STATE_PATH_MAX (HC_PATH_MAX + 32)

struct broker {
	struct hc_authd authd;
	struct hc_peer_rules peers;
	struct hc_identity identity;
	bool as_root;
	struct hc_identity gateway; /* if peers.has_gateway */
	int fds[HC_SOCKET_KINDS];
	struct hc_resolver *resolver;
	struct hc_starter *starter;
	struct hc_store *store;
	struct hc_seal *seal;
	struct hc_audit *audit;
	struct hc_ocsp *ocsp;
	struct hc_loop *loop;
};

static enum hc_err fail(const char *message, const char *path, enum hc_err err)
{
	hc_log(HC_LOG_ERROR, message, HC_F_TEXT("path", path), HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

/* ---- while still root ---- */

/* Who the gateway is. Without its user the socket is not served: there is nobody to serve. */
static enum hc_err settle_gateway(struct broker *broker)
{
	const struct hc_authd_config *config = broker->authd.config;

	if (config->role != HC_ROLE_AUTHORITY || !broker->as_root)
		return HC_OK;
	if (!hc_privilege_account(config->gateway_user, &broker->gateway)) {
		hc_log(HC_LOG_WARNING, "no such user: the gateway is not served",
		       HC_F_TEXT("gateway_user", config->gateway_user));
		return HC_OK;
	}
	if (broker->gateway.uid == 0 || broker->gateway.uid == broker->identity.uid)
		return fail("gateway_user must be another user than root and the broker's",
			    config->gateway_user, HC_ERR_INVALID);
	broker->peers.has_gateway = true;
	broker->peers.gateway_uid = broker->gateway.uid;
	return HC_OK;
}

/* Whom to become, and whom to take for privileged. */
static enum hc_err settle_identity(struct broker *broker)
{
	const char *user = broker->authd.config->user;
	enum hc_err err = HC_OK;

	broker->as_root = geteuid() == 0;
	broker->identity = (struct hc_identity){.uid = geteuid(), .gid = getegid()};
	if (broker->as_root)
		err = hc_privilege_user(user, &broker->identity);
	if (err != HC_OK)
		return err;
	if (broker->identity.uid == 0)
		hc_log_plain(
			HC_LOG_WARNING,
			"the broker keeps root, as `user` says: for tests only, never where people sign in");
	broker->peers.own_uid_too = !broker->as_root;
	broker->peers.own_uid = broker->identity.uid;
	broker->peers.has_admin_group = hc_privilege_group(HC_ADMIN_GROUP, &broker->peers.admin_gid);
	if (!broker->peers.has_admin_group)
		hc_log(HC_LOG_NOTICE, "no such group: only root administers",
		       HC_F_TEXT("group", HC_ADMIN_GROUP));
	return settle_gateway(broker);
}

static enum hc_err open_sockets(struct broker *broker)
{
	static const char *const names[HC_SOCKET_KINDS] = {
		[HC_SOCKET_AUTH] = "auth", [HC_SOCKET_ADMIN] = "admin", [HC_SOCKET_GATEWAY] = "gateway"};
	const struct hc_authd_config *config = broker->authd.config;
	const struct hc_socket_plan plans[HC_SOCKET_KINDS] = {
		[HC_SOCKET_AUTH] = {.path = config->socket,
				    .mode = 0666,
				    .other_owner = broker->identity.uid},
		{.path = config->admin_socket,
		 .mode = 0660,
		 .has_group = broker->as_root && broker->peers.has_admin_group,
		 .group = broker->peers.admin_gid,
		 .other_owner = broker->identity.uid},
		{.path = config->gateway_socket,
		 .mode = 0660,
		 .has_group = broker->peers.has_gateway,
		 .group = broker->gateway.gid,
		 .other_owner = broker->identity.uid}};
	bool serves_gateway =
		config->role == HC_ROLE_AUTHORITY && (broker->peers.has_gateway || !broker->as_root);
	enum hc_err err = hc_sockets_inherit(names, HC_COUNT(names), broker->fds);

	for (size_t i = 0; i < HC_COUNT(plans) && err == HC_OK; i++) {
		if (broker->fds[i] < 0 && (i != HC_SOCKET_GATEWAY || serves_gateway))
			err = hc_sockets_bind(&plans[i], &broker->fds[i]);
	}
	return err;
}

/* ---- as the broker's user ---- */

static enum hc_err open_store(struct broker *broker)
{
	char path[STATE_PATH_MAX];

	/* Fits: the directory has at most HC_PATH_MAX bytes. */
	(void)snprintf(path, sizeof(path), "%s/authd.db", broker->authd.config->state_dir);
	return hc_store_open(path, &broker->store); /* says itself what is wrong */
}

/* Keys answer for the rp_id that they were enrolled for: a change of it is no error, and seldom meant. */
static void tell_of_keys(const struct broker *broker)
{
	const char *rp_id = broker->authd.config->fido.rp_id;
	int64_t count = 0;

	if (hc_store_key_elsewhere(broker->store, rp_id, &count) == HC_OK && count > 0)
		hc_log(HC_LOG_WARNING, "security keys were enrolled for another rp_id, which they keep",
		       HC_F_NUM("keys", count), HC_F_TEXT("rp_id", rp_id));
}

static enum hc_err open_seal(struct broker *broker)
{
	const struct hc_authd_config *config = broker->authd.config;
	bool sealed = true;
	enum hc_err err = hc_store_has_sealed(broker->store, &sealed);

	if (err != HC_OK)
		return fail("cannot ask the store what is sealed", config->state_dir, err);
	return hc_seal_settle(config->seal_key_file, config->state_dir, sealed, &broker->seal);
}

static enum hc_err open_state(struct broker *broker)
{
	const struct hc_authd_config *config = broker->authd.config;
	enum hc_err err = hc_state_dir_check(config->state_dir);

	if (err == HC_OK)
		err = open_store(broker);
	if (err == HC_OK)
		err = open_seal(broker);
	if (err != HC_OK)
		return err;
	broker->authd.store = broker->store;
	broker->authd.seal = broker->seal;
	err = hc_rotation_load(&broker->authd);
	if (err == HC_OK)
		err = hc_audit_open(broker->store, broker->seal, broker->authd.clock, &broker->audit);
	broker->authd.audit = broker->audit;
	if (err == HC_OK)
		err = hc_rotation_resume(&broker->authd);
	return err == HC_OK ? hc_restored_settle(&broker->authd) : err;
}

/* What is held of cards, where any can be read. */
static enum hc_err open_cards(struct broker *broker)
{
	struct hc_authd *authd = &broker->authd;
	enum hc_err err;

	if ((authd->device_methods & HC_METHOD_CPS) == 0)
		return HC_OK;
	err = hc_cps_trust_new(&authd->config->cps, authd->clock, &authd->cps_trust);
	if (err == HC_OK)
		err = hc_pin_memory_new(&authd->pins);
	if (err == HC_OK && authd->config->cps.pairing == HC_CPS_PAIRING_FIRST_USE)
		err = hc_pairings_new(authd->clock, &authd->pairings);
	return err == HC_OK ? HC_OK : fail("cannot make room for what is known of cards", "memory", err);
}

static enum hc_err open_loop(struct broker *broker)
{
	enum hc_err err = HC_OK;

	tell_of_keys(broker);
	if (broker->authd.config->cps.ocsp != HC_OCSP_OFF && hc_ocsp_new(&broker->ocsp) != HC_OK)
		return HC_ERR_NOMEM;
	broker->authd.ocsp = broker->ocsp;
	err = open_cards(broker);
	if (err == HC_OK)
		err = hc_loop_new(&broker->authd, broker->resolver, &broker->peers, &broker->loop);
	if (err == HC_OK)
		broker->authd.sessions = &broker->loop->sessions;
	if (err == HC_OK)
		broker->authd.removal = broker->loop->removal;
	if (err == HC_OK) {
		broker->authd.person_changed = hc_loop_person_changed;
		broker->authd.person_changed_ctx = broker->loop;
	}
	for (size_t i = 0; i < HC_COUNT(broker->fds) && err == HC_OK; i++) {
		if (broker->fds[i] < 0)
			continue; /* nobody to serve there */
		err = hc_loop_listen(broker->loop, (enum hc_socket_kind)i, broker->fds[i]);
		broker->fds[i] = -1; /* the loop's, also on failure */
	}
	return err == HC_OK ? HC_OK : fail("cannot set the event loop up", "sd-event", err);
}

static enum hc_err note(struct broker *broker, enum hc_audit_event event)
{
	const struct hc_audit_entry entry = {
		.event = event, .success = true, .actor = "broker", .detail = "version " HC_VERSION};
	enum hc_err err = hc_audit_note(broker->audit, &entry);

	if (err != HC_OK)
		return fail("cannot write to the audit trail", broker->authd.config->state_dir, err);
	hc_audit_emit_head(broker->audit);
	return HC_OK;
}

/* ---- the whole ---- */

/* Where a service manager starts all helpers, nothing of ours ever does. */
static enum hc_err start_starter(struct broker *broker)
{
	struct hc_authd *authd = &broker->authd;
	enum hc_err err = HC_OK;

	hc_device_place(authd);
	if (authd->fido2_socket[0] == '\0' || authd->pkcs11_socket[0] == '\0' ||
	    authd->ocsp_socket[0] == '\0')
		err = hc_starter_new(authd->helper_dir, broker->as_root ? &broker->identity : NULL,
				     &broker->starter);
	authd->starter = broker->starter;
	return err;
}

static enum hc_err start_as_root(struct broker *broker)
{
	enum hc_err err = settle_identity(broker);

	if (err == HC_OK)
		err = open_sockets(broker);
	if (err == HC_OK)
		err = hc_state_dir_make(broker->authd.config->state_dir, &broker->identity);
	/* Before the first secret is in memory, and that may be the credential. */
	if (err == HC_OK)
		err = start_starter(broker);
	if (err == HC_OK)
		err = hc_resolver_start(broker->authd.clock, broker->as_root ? &broker->identity : NULL,
					&broker->resolver);
	if (err == HC_OK)
		err = hc_seal_credential(broker->authd.config->seal_key_file, &broker->seal);
	broker->authd.seal_given = broker->seal != NULL;
	return err;
}

static enum hc_err start(struct broker *broker)
{
	enum hc_err err = start_as_root(broker);

	if (err == HC_OK && broker->as_root)
		err = hc_privilege_drop(&broker->identity);
	if (err == HC_OK) {
		hc_descriptors_raise(HC_QUOTA_TOTAL + HC_QUOTA_SPARE + 2 * HC_DEVICES_WATCHES);
		/* Before the store: what is read there may have come from elsewhere, as a backup does. */
		err = hc_confine(HC_CONFINE_AUTHD);
	}
	if (err == HC_OK)
		err = open_state(broker);
	if (err == HC_OK)
		err = open_loop(broker);
	if (err == HC_ERR_NOMEM)
		hc_log_plain(HC_LOG_ERROR, "not enough memory to start");
	return err;
}

static enum hc_err serve(struct broker *broker)
{
	enum hc_err err = note(broker, HC_AUDIT_BROKER_START);

	if (err != HC_OK)
		return err;
	broker->authd.started_mono_ms = hc_mono_ms(broker->authd.clock);
	hc_log(HC_LOG_INFO, "serving", HC_F_TEXT("version", HC_VERSION),
	       HC_F_TEXT("socket", broker->authd.config->socket), HC_F_NUM("uid", geteuid()));
	/* Without a service manager nobody is told, which is no failure. */
	hc_notify("READY=1");
	err = hc_loop_run(broker->loop);
	hc_notify("STOPPING=1");
	hc_loop_free(&broker->loop); /* abandoned questions are written before the end is */
	if (note(broker, HC_AUDIT_BROKER_STOP) != HC_OK)
		return HC_ERR_IO;
	hc_log_plain(HC_LOG_INFO, "stopped");
	return err;
}

static void take_down(struct broker *broker)
{
	hc_loop_free(&broker->loop);
	hc_ocsp_free(&broker->ocsp);
	hc_pairings_free(&broker->authd.pairings);
	hc_pin_memory_free(&broker->authd.pins);
	hc_cps_trust_free(&broker->authd.cps_trust);
	hc_audit_free(&broker->audit);
	hc_seal_free(&broker->seal);
	hc_store_free(&broker->store);
	hc_resolver_free(&broker->resolver);
	hc_starter_free(&broker->starter);
	for (size_t i = 0; i < HC_COUNT(broker->fds); i++) {
		if (broker->fds[i] >= 0)
			(void)close(broker->fds[i]); /* nothing is written to a listening socket */
	}
}

enum hc_err hc_startup_serve(const struct hc_authd_config *config)
{
	struct broker broker = {.authd = {.config = config, .clock = hc_clock_system()}, .fds = {-1, -1, -1}};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	enum hc_err err = HC_OK;

	/* A log reader that has gone must not end the broker. */
	if (sigaction(SIGPIPE, &ignore, NULL) != 0)
		return HC_ERR_IO;
	err = hc_crypto_start();
	if (err == HC_OK)
		err = start(&broker);
	if (err == HC_OK)
		err = serve(&broker);
	take_down(&broker);
	return err;
}
