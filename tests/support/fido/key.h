/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_KEY_H
#define HC_TESTS_FIDO_KEY_H

#include "crypto.h"

/*
 * One test key: what it was told to be (options), what it remembers without power (memory: saved to
 * the state file), and what it forgets when it is pulled out (session).
 */
#define TK_REPORT_LEN	   64
#define TK_MESSAGE_MAX	   7609
#define TK_CREDENTIALS_MAX 64
#define TK_ID_MAX	   64
#define TK_NAME_MAX	   129
#define TK_CHANNELS_MAX	   64
#define TK_CLIENTS_MAX	   32
#define TK_QUEUE_MAX	   16
#define TK_FAULTS_MAX	   4

/* What reached the key since it was started: name of the counter, and what it counts. */
#define TK_COUNTERS(X)                                           \
	X(connections, "openings of the device")                 \
	X(inits, "CTAPHID_INIT")                                 \
	X(messages, "CTAPHID_CBOR and CTAPHID_MSG")              \
	X(pings, "CTAPHID_PING")                                 \
	X(winks, "CTAPHID_WINK")                                 \
	X(cancels, "CTAPHID_CANCEL of an operation in progress") \
	X(abandoned, "operations whose program went away")       \
	X(busy, "requests refused because of another one")       \
	X(infos, "authenticatorGetInfo")                         \
	X(makes, "authenticatorMakeCredential")                  \
	X(assertions, "authenticatorGetAssertion")               \
	X(silent_assertions, "those of them without touch")      \
	X(nexts, "authenticatorGetNextAssertion")                \
	X(pin_commands, "authenticatorClientPIN of any kind")    \
	X(pin_retries_asked, "getPINRetries")                    \
	X(uv_retries_asked, "getUVRetries")                      \
	X(key_agreements, "getKeyAgreement")                     \
	X(pin_attempts, "times a PIN was tried")                 \
	X(pin_wrong, "and was not the right one")                \
	X(pin_sets, "setPIN and changePIN that succeeded")       \
	X(finger_attempts, "times a finger was put on")          \
	X(finger_wrong, "and was not known")                     \
	X(touches_asked, "times the key waited for a touch")     \
	X(touches, "and got one")                                \
	X(resets, "authenticatorReset that succeeded")           \
	X(selections, "authenticatorSelection")                  \
	X(managements, "authenticatorCredentialManagement")      \
	X(configs, "authenticatorConfig")                        \
	X(u2f_registers, "U2F_REGISTER")                         \
	X(u2f_checks, "U2F_AUTHENTICATE, check only")            \
	X(u2f_signs, "U2F_AUTHENTICATE that would sign")         \
	X(signatures, "signatures given")

struct tk_counters {
#define TK_COUNTER_MEMBER(name, what) unsigned long name;
	TK_COUNTERS(TK_COUNTER_MEMBER)
#undef TK_COUNTER_MEMBER
};

enum tk_uv { TK_UV_NONE, TK_UV_EMPTY, TK_UV_READY };
enum tk_attestation { TK_ATTEST_PACKED, TK_ATTEST_SELF, TK_ATTEST_NONE };
enum tk_counting { TK_COUNT_KEY, TK_COUNT_CREDENTIAL, TK_COUNT_NONE, TK_COUNT_STUCK, TK_COUNT_BACKWARDS };

struct tk_options {
	const char *socket, *control, *state, *manufacturer, *product, *pin;
	const char *attestation_key, *attestation_chain;
	bool u2f_only, no_u2f, ctap20, no_pin, no_resident, no_protect, no_management, no_uv_not_required;
	bool always_uv, force_pin_change, keep_waiting;
	enum tk_uv uv;
	enum tk_attestation attestation;
	enum tk_counting counting;
	enum tk_alg algs[3];
	size_t alg_count;
	unsigned protocols[2];
	size_t protocol_count;
	uint8_t aaguid[16];
	unsigned pin_retries, uv_retries, min_pin, counter_start, capacity, mode, group;
	unsigned touch_timeout_ms, keepalive_ms, reset_window_ms, delay_ms;
	int touch_after_ms, finger_after_ms; /* -1: when the control channel says so */
	uint8_t timeout_status;
};

struct tk_credential {
	struct tk_keypair *pair; /* owned; NULL: the place is free */
	bool resident, u2f;
	uint8_t id[TK_ID_MAX], user_id[TK_ID_MAX], rp_hash[TK_HASH_LEN];
	size_t id_len, user_id_len;
	char rp_id[256], rp_name[TK_NAME_MAX], user_name[TK_NAME_MAX], user_display[TK_NAME_MAX];
	uint8_t protect;
	uint32_t counter;
	uint64_t made; /* the order in which they were made */
};

struct tk_memory {
	struct tk_credential credentials[TK_CREDENTIALS_MAX];
	uint8_t pin_hash[16];
	bool has_pin, always_uv, force_pin_change;
	unsigned pin_retries, uv_retries, pin_len, min_pin;
	uint32_t counter;
	uint64_t made;
};

/* The key's side of a pinUvAuthProtocol, made anew at each power-up. */
struct tk_protocol {
	struct tk_keypair *agreement; /* owned */
	uint8_t token[TK_HASH_LEN];
};

/* What a pinUvAuthToken is good for; one at a time, whichever protocol it belongs to. */
struct tk_grant {
	bool in_use, verified, present, bound;
	unsigned protocol, permissions;
	uint8_t rp_hash[TK_HASH_LEN];
};

enum tk_wait_kind { TK_WAIT_NOTHING, TK_WAIT_TOUCH, TK_WAIT_FINGER, TK_WAIT_PAUSE };
enum tk_wait_end { TK_PENDING, TK_TOUCHED, TK_FINGER_GOOD, TK_FINGER_BAD, TK_CANCELLED, TK_GONE };

struct tk_wait {
	enum tk_wait_kind kind;
	enum tk_wait_end end;
	unsigned touches_queued;
	bool fingers[TK_QUEUE_MAX]; /* good or not, the first first */
	size_t finger_count;
	int64_t u2f_since_ms, u2f_last_ms; /* U2F asks by polling */
	bool u2f_touched;
};

/* A request on its way in, or being worked on. */
struct tk_transaction {
	bool receiving, ready, working;
	int client;
	uint32_t channel;
	uint8_t command, sequence;
	size_t len, got;
	int64_t deadline_ms;
	uint8_t data[TK_MESSAGE_MAX];
};

struct tk_channel {
	uint32_t id; /* 0: free */
	int client;
};

struct tk_next {
	uint8_t credentials[TK_CREDENTIALS_MAX]; /* places in memory */
	size_t count, at;
	uint8_t flags, data_hash[TK_HASH_LEN], rp_hash[TK_HASH_LEN];
	int64_t until_ms;
};

struct tk_listing {
	uint8_t places[TK_CREDENTIALS_MAX];
	size_t count, at;
	bool of_parties;
};

struct tk_session {
	struct tk_protocol protocols[2]; /* one and two */
	struct tk_grant grant;
	struct tk_next next;
	struct tk_listing listing;
	struct tk_channel channels[TK_CHANNELS_MAX];
	struct tk_transaction transaction;
	uint32_t last_channel;
	unsigned pin_mismatches;
	int64_t since_ms;
};

struct tk_loop;

struct tk_fault {
	char name[32], on[32]; /* on: the beginning of a command's name; empty for every command */
	unsigned left;	       /* 0: not in force */
	unsigned value;
};

struct tk_key {
	struct tk_options options;
	struct tk_memory memory;
	struct tk_session session;
	struct tk_wait wait;
	struct tk_counters counters;
	struct tk_fault faults[TK_FAULTS_MAX];
	unsigned fault_value;		/* of the one that was due last */
	struct tk_keypair *attestation; /* owned */
	uint8_t chain[TK_MESSAGE_MAX];	/* x5c, as CBOR */
	size_t chain_len;
	struct tk_loop *loop; /* owned */
	bool inserted, quit;
	const char *command; /* name of the one in progress, for faults */
};

int64_t tk_now_ms(void);

/* Fills the options in; false, with a message on stderr, where they make no sense. */
bool tk_options_parse(struct tk_options *options, int argc, char **argv);

/* The word for a way of counting. */
bool tk_counting_parse(const char *value, enum tk_counting *out);

/* Loads the state file if there is one; false where it is there and makes no sense. */
bool tk_memory_load(struct tk_key *key);
/* Written at each change, whole, before the answer leaves; nothing without a state file. */
void tk_memory_save(const struct tk_key *key);
void tk_memory_wipe(struct tk_key *key);

/* Power: what a session holds begins anew. */
void tk_session_start(struct tk_key *key);
void tk_session_end(struct tk_key *key);

/* The place of a new credential, replacing the resident one of the same party and user; -1 if full. */
int tk_credential_place(struct tk_key *key, const struct tk_credential *credential);
struct tk_credential *tk_credential_find(struct tk_key *key, const uint8_t rp_hash[TK_HASH_LEN],
					 struct tk_slice id);
void tk_credential_forget(struct tk_credential *credential);
size_t tk_credential_residents(const struct tk_key *key);

#endif
