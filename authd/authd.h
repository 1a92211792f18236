/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_AUTHD_H
#define HC_AUTHD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/identity.h"
#include "hospiconnect/text.h"

struct hc_audit;
struct hc_ocsp;
struct hc_removal;
struct hc_cps_trust;
struct hc_pairings;
struct hc_pin_memory;
struct hc_seal;
struct hc_starter;
struct hc_store;

/*
 * What every part of the broker is given: its configuration and the four things it owns. Made by
 * main.c, borrowed by all others, alive until the loop has ended.
 */
enum hc_role { HC_ROLE_STANDALONE = 0, HC_ROLE_AUTHORITY = 1 };
enum hc_unenrolled { HC_UNENROLLED_DENY = 0, HC_UNENROLLED_GRACE = 1 };

#define HC_SERVICES_MAX 32
#define HC_PATH_MAX	256

struct hc_policy_rules {
	int64_t attempts;     /* wrong answers in one conversation before it ends */
	int64_t free_tries;   /* failures before the first lock */
	int64_t lock_first_s; /* first lock; doubles with every further failure */
	int64_t lock_max_s;
	int64_t answer_timeout_s; /* how long one question waits for its answer */
	enum hc_unenrolled unenrolled;
	int64_t grace_until_ms; /* exclusive; UTC midnight of the date given */
	bool require_proofing;
	struct hc_service locker_services[HC_SERVICES_MAX];
	size_t locker_service_count;
	struct hc_service nameless_services[HC_SERVICES_MAX]; /* where a device may say who is there */
	size_t nameless_service_count;
};

struct hc_otp_rules {
	char issuer[64];	/* in the otpauth URI */
	int64_t totp_window;	/* steps accepted on either side of the expected one */
	int64_t totp_drift_max; /* largest drift that is learned, in steps */
	int64_t hotp_window;	/* counters accepted ahead of the expected one */
};

/* Whether a card's authority is asked online: never; where it answers; or it must answer. */
enum hc_ocsp_mode { HC_OCSP_OFF = 0, HC_OCSP_WHEN_REACHABLE = 1, HC_OCSP_REQUIRED = 2 };
enum hc_ocsp_nonce { HC_OCSP_NONCE_REQUIRED = 0, HC_OCSP_NONCE_OPTIONAL = 1 };
/* What becomes of the newer one of a card that is somebody's. */
enum hc_cps_renewed { HC_CPS_RENEWED_ACCEPT = 0, HC_CPS_RENEWED_REFUSE = 1 };
/* Who links a card to a person: an administrator; or its holder as well, signed in with two other factors. */
enum hc_cps_pairing { HC_CPS_PAIRING_ADMINISTRATOR = 0, HC_CPS_PAIRING_FIRST_USE = 1 };

/* Cards: whose they must be, and how fresh the revocation lists. */
struct hc_cps_settings {
	char module[HC_PATH_MAX]; /* the PKCS#11 module of the readers here; empty: no card is read */
	char trust_dir[HC_PATH_MAX], crl_dir[HC_PATH_MAX];
	bool allow_test_cards;
	int on_removal;			/* enum hc_on_removal */
	int64_t crl_degraded_max_age_s; /* how long past its nextUpdate a list still serves */
	int renewed_cards;		/* enum hc_cps_renewed */
	int pairing;			/* enum hc_cps_pairing */
	int ocsp;			/* enum hc_ocsp_mode */
	char ocsp_url[HC_PATH_MAX];	/* the responder; empty: none */
	int64_t ocsp_timeout_s, ocsp_cache_s;
	int ocsp_nonce; /* enum hc_ocsp_nonce */
};

/* What an attestation must at least be worth (enum hc_fido_attestation_kind), and so on. */
#define HC_RP_ID_MAX   253
#define HC_AAGUIDS_MAX 64

struct hc_fido_rules {
	char rp_id[HC_RP_ID_MAX + 1]; /* empty: nobody can be enrolled, and nobody is known without a name */
	char trust_dir[HC_PATH_MAX];  /* authorities over makes of keys; empty: none */
	int attestation;	      /* enum hc_fido_attestation_kind */
	int on_removal;		      /* enum hc_on_removal */
	uint8_t aaguids[HC_AAGUIDS_MAX][16];
	size_t aaguid_count; /* 0: any make */
	int64_t pin_min;
	int64_t insert_timeout_s; /* how long a key that is not there is waited for */
};

struct hc_authd_config {
	int role; /* enum hc_role */
	char state_dir[HC_PATH_MAX], socket[HC_PATH_MAX], admin_socket[HC_PATH_MAX];
	char seal_key_file
		[HC_PATH_MAX]; /* empty: <state_dir>/seal.key, or the systemd credential "seal-key" */
	char user[HC_LOGIN_MAX + 1];
	char gateway_socket[HC_PATH_MAX]; /* made with role authority only */
	char gateway_user[HC_LOGIN_MAX + 1];
	char password_socket[HC_PATH_MAX]; /* where hc-password listens */
	char helper_dir[HC_PATH_MAX];	   /* of device helpers; empty: beside the running program */
	char fido2_socket
		[HC_PATH_MAX]; /* where the service manager starts one; empty: where the package's unit listens, if it does */
	char pkcs11_socket[HC_PATH_MAX];
	char ocsp_socket[HC_PATH_MAX];
	int lang;      /* enum hc_lang, when the caller names none */
	int log_level; /* index into error, warning, notice, info, debug; HC_LOG_ERROR is the first */
	struct hc_policy_rules policy;
	struct hc_otp_rules otp;
	struct hc_cps_settings cps;
	struct hc_fido_rules fido;
};

struct hc_authd {
	const struct hc_authd_config *config;
	const struct hc_clock *clock;
	struct hc_store *store;
	struct hc_seal *seal;
	bool seal_given; /* its key is a credential of the service manager: not ours to exchange */
	struct hc_audit *audit;
	struct hc_cps_trust *cps_trust; /* cards; NULL, as the next: none is read here */
	struct hc_pin_memory *pins;
	struct hc_pairings
		*pairings;	    /* cards that wait for their person; NULL: an administrator links them */
	struct hc_ocsp *ocsp;	    /* what cards' authorities said; NULL: they are not asked */
	int64_t started_mono_ms;    /* when it began to serve */
	struct hc_starter *starter; /* borrowed; NULL: every helper has its socket */
	char helper_dir[HC_PATH_MAX];
	/* where the service manager starts them; empty: started by the broker */
	const char *fido2_socket, *pkcs11_socket, *ocsp_socket;
	uint32_t device_methods;    /* HC_METHOD_…: those whose helpers are there */
	char machine[256];	    /* the host's name: what evidence that is given here is bound to */
	struct hc_removal *removal; /* watches sessions that devices opened; NULL: no device, no loop */
	const uint32_t *sessions;   /* open conversations, counted by the loop, for STATUS; NULL: no loop */
	/* told once a change is on disk: state is "active", "disabled" or "removed"; NULL: nobody listens */
	void (*person_changed)(void *ctx, int64_t person_id, const char *state);
	void *person_changed_ctx;
};

/* Who is at the other end of a connection, from SO_PEERCRED and SO_PEERGROUPS only. */
enum hc_caller_kind {
	HC_CALLER_ROOT = 1, /* auth.sock: uid 0, or the broker's own uid where it was not started by root */
	HC_CALLER_USER = 2, /* auth.sock: any other uid; may ask only for itself, from a locker */
	HC_CALLER_ADMIN =
		3, /* admin.sock: uid 0, the broker's own uid as above, or group hospiconnect-admin */
	HC_CALLER_GATEWAY = 4 /* gateway.sock: the gateway's user, or the broker's own uid as above */
};

struct hc_caller {
	enum hc_caller_kind kind;
	uid_t uid;
	pid_t pid;
	bool name_known;
	struct hc_login name; /* HC_CALLER_USER: the login of uid */
	char actor[128];      /* for the audit trail: "uid 1000 (martin)" */
};

#endif
