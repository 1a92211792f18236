/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_FAULT_H
#define HC_TESTS_FIDO_FAULT_H

#include "key.h"

/*
 * What a key may be made to do wrong, by name. A fault is in force for a number of times, for every
 * command or for those whose name begins as asked: info, make, choose (an empty pinUvAuthParam),
 * assert, preflight (without touch), next, pin-retries, pin-agreement, pin-set, pin-change, pin-token,
 * uv-token, uv-retries, reset, select, manage, config, u2f-register, u2f-sign, u2f-check, u2f-version.
 */
#define TK_FAULTS(X)                                                                  \
	X("malformed-cbor", "an answer that is no CBOR")                              \
	X("indefinite-cbor", "an answer with a map of indefinite length")             \
	X("deep-cbor", "an answer nested 200 arrays deep")                            \
	X("huge-string", "an answer with a string of 4 GiB announced")                \
	X("duplicate-key", "an answer with its first member twice")                   \
	X("empty", "an answer without a status")                                      \
	X("truncated", "half of the answer")                                          \
	X("trailing", "an answer with bytes behind it")                               \
	X("oversize", "an answer of the longest message that CTAPHID can carry")      \
	X("oversize-frame", "a first report that announces 65535 bytes")              \
	X("truncated-frame", "an answer without its last report")                     \
	X("wrong-sequence", "continuation reports with wrong numbers")                \
	X("wrong-channel", "an answer on another channel")                            \
	X("wrong-command", "an answer to another CTAPHID command")                    \
	X("silent", "no answer at all")                                               \
	X("error", "an answer with the CTAP status VALUE")                            \
	X("hid-error", "CTAPHID_ERROR with the code VALUE")                           \
	X("slow", "an answer after VALUE ms")                                         \
	X("remove", "pulled out instead of an answer")                                \
	X("remove-waiting", "pulled out while it waits for a touch")                  \
	X("wrong-signature", "a signature with one bit changed")                      \
	X("wrong-key", "a signature of another key")                                  \
	X("wrong-attestation", "an attestation signature with one bit changed")       \
	X("wrong-rp-hash", "authenticator data of another relying party")             \
	X("wrong-credential-id", "another credential's identifier")                   \
	X("wrong-algorithm", "a public key that claims another algorithm")            \
	X("wrong-aaguid", "authenticator data of another model")                      \
	X("wrong-user", "another user handle in an assertion")                        \
	X("no-up", "the flag of user presence cleared")                               \
	X("no-uv", "the flag of user verification cleared")                           \
	X("false-uv", "the flag of user verification set though nobody was verified") \
	X("short-authdata", "authenticator data without its last byte")               \
	X("long-authdata", "authenticator data with a byte too many")                 \
	X("too-many", "more assertions announced than there are")

/* Puts one in force: "NAME [on COMMAND] [times N] [value V]"; false where it makes no sense. */
bool tk_fault_set(struct tk_key *key, const char *text);
/* All of them out of force. */
void tk_fault_clear(struct tk_key *key);
/* Whether this one is due for the command in progress; uses one of its times up, and leaves its VALUE
   in key->fault_value. */
bool tk_fault(struct tk_key *key, const char *name);
/* What faults do to a whole CTAP answer; returns its new length. */
size_t tk_fault_answer(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len);
/* The same for a U2F answer: those that need no CBOR. */
size_t tk_fault_u2f(struct tk_key *key, uint8_t out[TK_MESSAGE_MAX], size_t len);
/* Prints all names with what they do. */
void tk_fault_help(void);

#endif
