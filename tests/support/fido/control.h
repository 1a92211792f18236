/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_CONTROL_H
#define HC_TESTS_FIDO_CONTROL_H

#include "key.h"

/*
 * The control channel: one command a line, one line of answer each, "ok[ ...]" or "error ...".
 *
 *   touch               a finger touches the key: "ok", or "idle" where nothing waits for it
 *   touch next          the next wait for a touch ends at once
 *   touch auto MS       from now on each wait ends by itself after that time
 *   touch manual        from now on only when told
 *   finger good|bad     a finger is put on the sensor: "ok" or "idle"
 *   finger next good|bad [good|bad ...]
 *   finger auto MS | finger manual
 *   await touch|finger  answered when the key begins to wait for one
 *   remove | insert     pulls the key out, plugs it in again
 *   fault NAME [on COMMAND] [times N] [value V] | fault none
 *   counting key|credential|none|stuck|backwards
 *   counters            name=value of all, in one line
 *   status              name=value of what the key is in
 *   quit
 */
/* The answer to a line, terminated; empty where it comes later (await). */
void tk_control_line(struct tk_key *key, int client, const char *line, char *answer, size_t cap);
/* Tells those who await that. */
void tk_control_waiting(struct tk_key *key, enum tk_wait_kind kind);

#endif
