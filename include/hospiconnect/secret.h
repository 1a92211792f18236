/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_SECRET_H
#define HC_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * hc_secret: the only carrier of passwords, PINs, codes, seeds and keys.
 *
 * A byte string of fixed capacity, allocated once, never moved. Its pages are locked into memory
 * and left out of core dumps where the system allows it (a refusal is not an error: a foreign host
 * such as sshd may have no memlock budget left). The whole capacity is scrubbed when it is cleared
 * and freed. There is no function that prints one.
 *
 * None of these functions block; an object belongs to one thread at a time.
 */
struct hc_secret;

/*
 * hc_secret_new: an empty secret that can hold cap bytes (1 to 65536).
 * Errors: HC_ERR_INVALID, HC_ERR_NOMEM.
 */
HC_CHECK enum hc_err hc_secret_new(size_t cap, struct hc_secret **ret_secret);

/* hc_secret_from: a new secret with a copy of len bytes at data (borrowed; may be NULL if len is 0). */
HC_CHECK enum hc_err hc_secret_from(const void *data, size_t len, struct hc_secret **ret_secret);

/* hc_secret_free: scrubs, frees and sets *secret to NULL; accepts NULL and a pointer to NULL. */
void hc_secret_free(struct hc_secret **secret);

/* hc_secret_clear: scrubs the whole capacity; the length becomes 0. */
void hc_secret_clear(struct hc_secret *secret);

/* hc_secret_append: HC_ERR_TOOBIG, with nothing written, where the capacity does not suffice. */
HC_CHECK enum hc_err hc_secret_append(struct hc_secret *secret, const void *data, size_t len);

/* hc_secret_data, _len, _cap: borrowed views, valid until the next call that changes the secret. */
const uint8_t *hc_secret_data(const struct hc_secret *secret);
size_t hc_secret_len(const struct hc_secret *secret);
size_t hc_secret_cap(const struct hc_secret *secret);

/*
 * hc_secret_space, hc_secret_commit: direct writing, for functions that fill a buffer. _space
 * returns the first free byte and the number of free bytes; _commit adds len of them to the length
 * (HC_ERR_TOOBIG beyond the capacity).
 */
uint8_t *hc_secret_space(struct hc_secret *secret, size_t *ret_free);
HC_CHECK enum hc_err hc_secret_commit(struct hc_secret *secret, size_t len);

/* hc_secret_equal: constant time for equal lengths; secrets of different lengths are not equal. */
bool hc_secret_equal(const struct hc_secret *a, const struct hc_secret *b);

/* hc_bytes_equal: constant-time comparison of two strings of len bytes. */
bool hc_bytes_equal(const void *a, const void *b, size_t len);

/* hc_scrub: overwrites len bytes in a way that the compiler does not remove. */
void hc_scrub(void *data, size_t len);

#endif
