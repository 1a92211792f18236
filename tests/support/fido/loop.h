/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_LOOP_H
#define HC_TESTS_FIDO_LOOP_H

#include "key.h"

/*
 * The sockets of a key: the device itself (SOCK_SEQPACKET, one 64-byte report a message, every
 * program that has it open sees every report of the key, as with hidraw) and its control channel.
 */
bool tk_loop_open(struct tk_key *key);
void tk_loop_close(struct tk_key *key);

/* Waits at most that long (-1: without end) and deals with what came in. */
void tk_loop_turn(struct tk_key *key, int64_t timeout_ms);

/* Sends a report; the program it is for gets it surely, others if they keep up. */
void tk_loop_send(struct tk_key *key, int client, const uint8_t report[TK_REPORT_LEN]);

/* A client of the control channel is to be told when the key begins to wait for that. */
void tk_loop_await(struct tk_key *key, int client, enum tk_wait_kind kind);
void tk_loop_tell(struct tk_key *key, enum tk_wait_kind kind, const char *text);

/* Pulls the key out: every program loses it, and the socket's file is gone. */
void tk_loop_remove(struct tk_key *key);
/* Plugs it in again, with power from now on. */
bool tk_loop_insert(struct tk_key *key);

#endif
